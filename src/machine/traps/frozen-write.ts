/**
 * Writes into a frozen file on a strict machine. Linux writes page by page, and refuses the first page that would make
 * the file longer: what comes before it is written.
 */
import { close, readBytes, seek, statDescriptor, statPath, statusFlags, writeBytes } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { isReadable } from '../../host/poll.js';
import { KernelError } from '../../kernel/error.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { errno } from '../../uapi/errno.js';
import { openFlags } from '../../uapi/fcntl.js';
import { inodeKey } from '../host-files.js';
import { copyDescriptor, descriptorPath } from '../task.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const { O_APPEND } = openFlags(process.arch);
const SEEK_CUR = 1;
const IOV_MAX = 1024;
const SINGLE = 1;
/** A write may be shorter than asked: what luo carries over itself is no more than this at once. */
const MOST_BYTES = 1 << 26;

/** A write as a program asked for it. */
interface Write {
  readonly fd: number;
  readonly length: bigint;
  /** Where it begins, or undefined for the file's position, which it moves. */
  readonly offset: bigint | undefined;
  /** The first bytes of what is to be written, or the negative error number. */
  take(length: number): Uint8Array | number;
  /** Tells the program how far its own offsets have moved, where it keeps them in memory. */
  moved?(length: number): void;
}

export const frozenWrites = {
  write: (trap: Trap) => write(trap, fromMemory(trap, SINGLE, undefined)),
  pwrite64: (trap: Trap) => write(trap, fromMemory(trap, SINGLE, trap.long(3))),
  writev: (trap: Trap) => write(trap, fromMemory(trap, 'vector', undefined)),
  pwritev: (trap: Trap) => write(trap, fromMemory(trap, 'vector', trap.long(3))),
  // An offset of -1 stands for the position.
  pwritev2: (trap: Trap) => write(trap, fromMemory(trap, 'vector', trap.long(3) === -1n ? undefined : trap.long(3))),
  sendfile: (trap: Trap) =>
    write(trap, fromFile(trap, { input: 1, inputOffset: 2, output: 0, outputOffset: undefined, length: 3 })),
  /** The arguments of `copy_file_range` stand in the same places. */
  splice: (trap: Trap) =>
    write(trap, fromFile(trap, { input: 0, inputOffset: 1, output: 2, outputOffset: 3, length: 4 })),
};

function write(trap: Trap, request: () => Write): Answer {
  if (!trap.anyFrozen) return PROCEED;
  const { kernel } = trap.context;
  const asked = request();
  const status = statPath(descriptorPath(trap.tid, asked.fd));
  if (typeof status === 'number') return PROCEED;
  const inode = inodeKey(status.device, status.inode);
  // A file that is not frozen takes everything.
  if (kernel.writableBytes(inode, status.size, 1n, status.size) !== 0n) return PROCEED;
  const copy = copyDescriptor(trap.call, trap.context.listener, asked.fd);
  if (copy === undefined) return PROCEED;
  try {
    const part = kernel.writableBytes(inode, beginning(copy, asked), asked.length, status.size);
    if (part === asked.length) return PROCEED;
    if (part === 0n) return -errno.EPERM;
    const bytes = asked.take(Math.min(Number(part), MOST_BYTES));
    if (typeof bytes === 'number') return bytes;
    const written = writeBytes(copy, bytes, asked.offset);
    if (written > 0) asked.moved?.(written);
    return written;
  } finally {
    close(copy);
  }
}

function beginning(fd: number, { offset }: Write): bigint {
  if ((statusFlags(fd) & O_APPEND) !== 0) return statDescriptor(fd).size;
  return offset ?? BigInt(Math.max(seek(fd, 0, SEEK_CUR), 0));
}

interface Piece {
  readonly address: UserAddress;
  readonly length: number;
}

function fromMemory(trap: Trap, layout: typeof SINGLE | 'vector', offset: bigint | undefined): () => Write {
  return () => {
    const pieces = layout === SINGLE ? [{ address: trap.address(1), length: Number(trap.long(2)) }] : vector(trap);
    const length = BigInt(pieces.reduce((sum, piece) => sum + piece.length, 0));
    return { fd: trap.int(0), length, offset, take: (bytes) => gather(trap, pieces, bytes) };
  };
}

/** The pieces of an array of `struct iovec`. */
function vector(trap: Trap): Piece[] {
  const count = trap.word(2);
  if (count > IOV_MAX) throw new KernelError('EINVAL', `Cannot write ${count} pieces: at most ${IOV_MAX} are allowed`);
  const bytes = trap.memory.read(trap.address(1), count * 16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, index) => ({
    // Whatever number the program wrote there is an address of its memory.
    address: view.getBigUint64(index * 16, true) as UserAddress,
    length: Number(view.getBigUint64(index * 16 + 8, true)),
  }));
}

function gather(trap: Trap, pieces: readonly Piece[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  for (const piece of pieces) {
    const part = Math.min(piece.length, length - done);
    if (part === 0) continue;
    bytes.set(trap.memory.read(piece.address, part), done);
    done += part;
  }
  return bytes;
}

/** The numbers of the arguments of a call that copies from one file to another. */
interface CopyArguments {
  readonly input: number;
  readonly inputOffset: number;
  readonly output: number;
  readonly outputOffset: number | undefined;
  readonly length: number;
}

function fromFile(trap: Trap, numbers: CopyArguments): () => Write {
  return () => {
    const inputOffset = new OffsetInMemory(trap, trap.address(numbers.inputOffset));
    const outputOffset =
      numbers.outputOffset === undefined ? undefined : new OffsetInMemory(trap, trap.address(numbers.outputOffset));
    return {
      fd: trap.int(numbers.output),
      length: trap.long(numbers.length),
      offset: outputOffset?.read(),
      take: (length) => readInput(trap, trap.int(numbers.input), length, inputOffset.read()),
      moved: (length) => {
        inputOffset.advance(length);
        outputOffset?.advance(length);
      },
    };
  };
}

function readInput(trap: Trap, fd: number, length: number, offset: bigint | undefined): Uint8Array | number {
  const copy = copyDescriptor(trap.call, trap.context.listener, fd);
  if (copy === undefined)
    throw new KernelError('EBADF', `Cannot read from descriptor ${fd} of thread ${trap.tid}: it is not open`);
  try {
    // Linux would wait for a pipe that is empty. The machine cannot: the program that fills it may wait for the machine.
    return isReadable(copy) ? readBytes(copy, length, offset) : -errno.EAGAIN;
  } catch (error) {
    if (error instanceof SystemError) return -error.errno;
    throw error;
  } finally {
    close(copy);
  }
}

/** An offset that a program keeps in its memory, or none where the address is 0. */
class OffsetInMemory {
  readonly #trap: Trap;
  readonly #address: UserAddress;

  constructor(trap: Trap, address: UserAddress) {
    this.#trap = trap;
    this.#address = address;
  }

  read(): bigint | undefined {
    if (this.#address === 0n) return undefined;
    const bytes = this.#trap.memory.read(this.#address, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true);
  }

  advance(length: number): void {
    const offset = this.read();
    if (offset === undefined) return;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, offset + BigInt(length), true);
    this.#trap.memory.write(this.#address, bytes);
  }
}
