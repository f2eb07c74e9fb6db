import { iocNr } from '../../uapi/ioctl.js';
import { KernelError } from '../error.js';
import type { File, Task } from '../fs/file.js';
import type { UserAddress, UserMemory } from '../hardware.js';
import { PAGE_SIZE } from '../units.js';

/** One command of a device, with a structure that later versions make longer (patches 07 and 09 of the v5 series). */
export interface Command<Target> {
  /** The whole command, as `_IO` makes it. */
  readonly command: number;
  /** Bytes of the structure as this kernel knows it. */
  readonly size: number;
  /** The fewest bytes that a program may give. */
  readonly minimum: number;
  /** A shorter structure that is taken, too, at exactly this size. */
  readonly oldSize?: number | undefined;
  /**
   * Refuses the command as a whole, after the size was checked and before the structure is read.
   *
   * @throws KernelError
   */
  check?(target: Target): void;
  /** @throws KernelError */
  run(target: Target, call: Call): void;
}

/** A call with its structure (`struct luo_ucmd`). */
export class Call {
  constructor(
    readonly task: Task,
    readonly address: UserAddress,
    /** What the program gave, with zeros up to the size that the kernel knows. */
    readonly bytes: Uint8Array,
    /** The size that the program gave. */
    readonly userSize: number,
  ) {}

  /** @throws KernelError EFAULT where `respond` would fail */
  checkRespond(): void {
    this.task.memory.checkWritable(this.address, this.#length);
  }

  /**
   * Gives the structure back, as much of it as the program knows.
   *
   * @throws KernelError EFAULT
   */
  respond(bytes: Uint8Array): void {
    this.task.memory.write(this.address, bytes.subarray(0, this.#length));
  }

  get #length(): number {
    return Math.min(this.userSize, this.bytes.length);
  }
}

/**
 * Runs an ioctl. The checks come in the order that was measured on Linux 7.3: the number of the command, whether the
 * size can be read, the rest of the command, the size, the target, the bytes after the structure.
 *
 * @param command only the low 32 bits count
 * @returns 0
 * @throws KernelError EINVAL, EFAULT, ENOTTY, EINVAL, what `check` says, E2BIG or EFAULT, what the command says
 */
export function runCommand<Target>(
  commands: readonly Command<Target>[],
  target: Target,
  command: number,
  argument: UserAddress,
  task: Task,
): number {
  const known = commands.find((one) => iocNr(one.command) === iocNr(command));
  if (known === undefined) {
    throw new KernelError('EINVAL', `Cannot run ioctl ${hex(command)}: there is no command of that number here`);
  }
  const userSize = readSize(task.memory, argument);
  if (known.command !== command >>> 0) {
    throw new KernelError('ENOTTY', `Cannot run ioctl ${hex(command)}: only the number is that of a known command`);
  }
  if (userSize < known.minimum && userSize !== known.oldSize) {
    throw new KernelError(
      'EINVAL',
      `Cannot run ioctl ${hex(command)}: the structure has ${userSize} bytes, and must have ${known.minimum} at least`,
    );
  }
  known.check?.(target);
  const bytes = copyStructFromUser(task.memory, argument, userSize, known.size);
  known.run(target, new Call(task, argument, bytes, userSize));
  return 0;
}

/** Opens a file for a program, and how to undo that. */
export interface Opening {
  /** The reference that it was made with belongs to the call. */
  readonly file: File;
  /** Takes everything back where the program got no descriptor. The default is to put the file. */
  undo?(): void;
}

/**
 * Runs a command that gives the program a descriptor. Linux sets the descriptor aside first, so that EMFILE comes
 * before any other answer; here the program is asked only where there is another one, because asking is slow.
 *
 * @param open opens the file
 * @param answer the structure to give back, for the number of the descriptor
 * @throws KernelError EMFILE, what `open` says, and EFAULT where the structure cannot be written: the file is put then
 */
export function giveDescriptor(call: Call, open: () => Opening, answer: (fd: number) => Uint8Array): void {
  const { files } = call.task;
  const opening = preferringEmfile(call, open);
  const { file } = opening;
  const undo = () => (opening.undo ? opening.undo() : file.put());
  let fd: number;
  try {
    call.checkRespond();
  } catch (error) {
    const hasRoom = files.hasRoom();
    if (hasRoom) file.put();
    else undo();
    throw hasRoom ? error : noDescriptor();
  }
  try {
    fd = files.install(file);
  } catch (error) {
    undo();
    throw error;
  }
  file.put();
  call.respond(answer(fd));
}

function preferringEmfile<Result>(call: Call, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof KernelError) || call.task.files.hasRoom()) throw error;
    throw noDescriptor();
  }
}

function noDescriptor(): KernelError {
  return new KernelError('EMFILE', 'Cannot give the program a descriptor: it has no room for one');
}

function readSize(memory: UserMemory, address: UserAddress): number {
  const bytes = memory.read(address, 4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

/**
 * Reads a structure of `userSize` bytes as one of `size` bytes (`copy_struct_from_user`).
 *
 * @throws KernelError E2BIG where a byte that the kernel does not know is not 0, EFAULT
 */
function copyStructFromUser(memory: UserMemory, address: UserAddress, userSize: number, size: number): Uint8Array {
  if (userSize > size) checkZero(memory, at(address, size), userSize - size);
  const bytes = new Uint8Array(size);
  bytes.set(memory.read(address, Math.min(userSize, size)));
  return bytes;
}

/** Reads at most to the end of a page at once: a program may say 4 GiB and have one page. */
function checkZero(memory: UserMemory, address: UserAddress, length: number): void {
  for (let done = 0; done < length; ) {
    const from = at(address, done);
    const toPageEnd = PAGE_SIZE - Number(from % BigInt(PAGE_SIZE));
    const bytes = memory.read(from, Math.min(toPageEnd, length - done));
    if (bytes.some((byte) => byte !== 0)) {
      throw new KernelError('E2BIG', 'Cannot read the structure: a byte after those that this kernel knows is not 0');
    }
    done += bytes.length;
  }
}

function at(address: UserAddress, offset: number): UserAddress {
  // An address plus an offset is an address; where it wraps, nothing can be read.
  return (address + BigInt(offset)) as UserAddress;
}

function hex(command: number): string {
  return `0x${(command >>> 0).toString(16)}`;
}
