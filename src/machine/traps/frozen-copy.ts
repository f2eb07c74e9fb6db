/**
 * `sendfile`, `splice` and `copy_file_range` into a frozen file on a strict machine: as much as a write would write
 * there (`frozen-write.ts`). What goes on to the kernel either fits, or is refused for any file.
 */
import { close, seek, statDescriptor, statusFlags } from '../../host/descriptors.js';
import { isReadable } from '../../host/poll.js';
import { bytesInPipe, type TransferCall, transfer } from '../../host/transfer.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { errno } from '../../uapi/errno.js';
import { inodeKey } from '../host-files.js';
import { copyDescriptor } from '../task.js';
import { canRead, FrozenFile, MOST_BYTES } from './frozen-file.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFREG = 0o100000;
const SEEK_CUR = 1;
const SPLICE_F_NONBLOCK = 2;

/** A copy as a program asked for it. */
interface Copy {
  readonly call: TransferCall;
  readonly input: number;
  readonly inputOffset: OffsetInMemory;
  readonly output: number;
  readonly outputOffset: OffsetInMemory;
  readonly length: bigint;
  readonly flags: number;
}

/** In the order of the arguments: `sendfile` names the output first, and no offset of it. */
export const frozenCopies = {
  sendfile: (trap: Trap) =>
    copy(trap, {
      call: 'sendfile',
      output: trap.int(0),
      outputOffset: new OffsetInMemory(trap, undefined),
      input: trap.int(1),
      inputOffset: new OffsetInMemory(trap, trap.address(2)),
      length: trap.long(3),
      flags: 0,
    }),
  splice: (trap: Trap) => copy(trap, inputFirst(trap, 'splice')),
  copy_file_range: (trap: Trap) => copy(trap, inputFirst(trap, 'copy_file_range')),
};

function inputFirst(trap: Trap, call: TransferCall): Copy {
  return {
    call,
    input: trap.int(0),
    inputOffset: new OffsetInMemory(trap, trap.address(1)),
    output: trap.int(2),
    outputOffset: new OffsetInMemory(trap, trap.address(3)),
    length: trap.long(4),
    flags: trap.word(5),
  };
}

function copy(trap: Trap, asked: Copy): Answer {
  // A negative length is none, or far too long: the kernel knows.
  if (asked.length <= 0n) return PROCEED;
  const answer = FrozenFile.with(trap, asked.output, (file) => {
    const input = copyDescriptor(trap.call, trap.context.listener, asked.input);
    if (input === undefined) return PROCEED;
    try {
      return copyBetween(trap, asked, input, file);
    } finally {
      close(input);
    }
  });
  return answer ?? PROCEED;
}

function copyBetween(trap: Trap, asked: Copy, input: number, file: FrozenFile): Answer {
  const inputOffset = asked.inputOffset.read();
  const outputOffset = asked.outputOffset.read();
  const isRefused =
    !file.isWritable ||
    file.appends ||
    !canRead(statusFlags(input)) ||
    (inputOffset ?? 0n) < 0n ||
    (outputOffset ?? 0n) < 0n ||
    (asked.call === 'copy_file_range' && asked.flags !== 0);
  if (isRefused) return PROCEED;
  const position = outputOffset ?? file.position;
  const { kernel } = trap.context;
  // Whatever there is to copy, and not all files tell: it fits.
  if (kernel.writableBytes(file.inode, position, asked.length, file.size) === asked.length) return PROCEED;
  const available: Available = availableIn(asked, input, inputOffset);
  if (available === 'refused') return PROCEED;
  if (available === 'not yet') return -errno.EAGAIN;
  const length = available < asked.length ? available : asked.length;
  if (length === 0n) return 0;
  if (asked.call === 'copy_file_range' && overlaps(input, inputOffset, file, position, length)) return -errno.EINVAL;
  const part = kernel.writableBytes(file.inode, position, length, file.size);
  if (part === 0n) return -errno.EPERM;
  const copied = transfer(asked.call, {
    input,
    inputOffset,
    output: file.fd,
    outputOffset,
    length: BigInt(Math.min(Number(part), MOST_BYTES)),
    flags: asked.call === 'splice' ? asked.flags | SPLICE_F_NONBLOCK : asked.flags,
  });
  if (copied > 0) {
    asked.inputOffset.write(inputOffset, copied);
    asked.outputOffset.write(outputOffset, copied);
  }
  return copied;
}

/**
 * How many bytes there are to copy. `refused`: the kernel copies from no such file. `not yet`: the pipe is empty. Linux
 * would wait; the machine cannot, because the program that fills it may wait for the machine.
 */
type Available = bigint | 'refused' | 'not yet';

function availableIn({ call, length }: Copy, input: number, offset: bigint | undefined): Available {
  const { mode, size } = statDescriptor(input);
  const type = mode & S_IFMT;
  if (call === 'splice') {
    if (type !== S_IFIFO || offset !== undefined) return 'refused';
    const bytes = BigInt(Math.max(bytesInPipe(input), 0));
    return bytes === 0n && !isReadable(input) ? 'not yet' : bytes;
  }
  // A device that has positions, such as /dev/zero, does not tell where it ends.
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  if (call === 'sendfile' && isDevice && seek(input, 0, SEEK_CUR) >= 0) return length;
  if (type !== S_IFREG) return 'refused';
  const start = offset ?? BigInt(Math.max(seek(input, 0, SEEK_CUR), 0));
  return start < size ? size - start : 0n;
}

function overlaps(
  input: number,
  inputOffset: bigint | undefined,
  file: FrozenFile,
  position: bigint,
  length: bigint,
): boolean {
  const { device, inode } = statDescriptor(input);
  if (inodeKey(device, inode) !== file.inode) return false;
  const start = inputOffset ?? BigInt(Math.max(seek(input, 0, SEEK_CUR), 0));
  return position + length > start && position < start + length;
}

/** An offset that a program keeps in its memory, or none where there is no address. */
class OffsetInMemory {
  readonly #trap: Trap;
  readonly #address: UserAddress | undefined;

  constructor(trap: Trap, address: UserAddress | undefined) {
    this.#trap = trap;
    this.#address = address === 0n ? undefined : address;
  }

  /** @throws KernelError EFAULT */
  read(): bigint | undefined {
    if (this.#address === undefined) return undefined;
    const bytes = this.#trap.memory.read(this.#address, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
  }

  /** @throws KernelError EFAULT */
  write(before: bigint | undefined, copied: number): void {
    if (this.#address === undefined || before === undefined) return;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, before + BigInt(copied), true);
    this.#trap.memory.write(this.#address, bytes);
  }
}
