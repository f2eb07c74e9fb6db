/**
 * Writes into a frozen file on a strict machine. Linux writes page by page, and refuses the first page that would make
 * the file longer: what comes before it is written.
 */
import { writeBytes } from '../../host/descriptors.js';
import { KernelError } from '../../kernel/error.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { errno } from '../../uapi/errno.js';
import { FrozenFile, MOST_BYTES } from './frozen-file.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const IOV_MAX = 1024;
const SINGLE = 1;

// Flags of pwritev2.
const RWF_HIPRI = 0x01;
const RWF_DSYNC = 0x02;
const RWF_SYNC = 0x04;
const RWF_APPEND = 0x10;
const RWF_NOAPPEND = 0x20;
const SHMEM_FLAGS = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND;

/** A write as a program asked for it. */
interface Write {
  readonly length: bigint;
  /** Where it begins, or undefined for the file's position, which it moves. */
  readonly offset: bigint | undefined;
  /** `RWF_*`. */
  readonly flags: number;
  /** The first bytes of what is to be written. */
  take(length: number): Uint8Array;
}

export const frozenWrites = {
  write: (trap: Trap) => write(trap, () => fromMemory(trap, SINGLE, undefined)),
  pwrite64: (trap: Trap) => write(trap, () => fromMemory(trap, SINGLE, trap.long(3))),
  writev: (trap: Trap) => write(trap, () => fromMemory(trap, 'vector', undefined)),
  pwritev: (trap: Trap) => write(trap, () => fromMemory(trap, 'vector', trap.long(3))),
  pwritev2: (trap: Trap) => write(trap, () => fromMemory(trap, 'vector', positionOr(trap.long(3)), trap.word(5))),
};

/** For `pwritev2`, an offset of -1 stands for the position. */
export function positionOr(offset: bigint): bigint | undefined {
  return offset === -1n ? undefined : offset;
}

function write(trap: Trap, request: () => Write): Answer {
  return FrozenFile.with(trap, trap.int(0), (file) => writeTo(trap, request(), file)) ?? PROCEED;
}

function writeTo(trap: Trap, asked: Write, file: FrozenFile): Answer {
  // The kernel refuses these for any file.
  if (!file.isWritable || (asked.offset ?? 0n) < 0n) return PROCEED;
  // No file of a tmpfs takes the others (measured on Linux 7.3).
  if ((asked.flags & ~SHMEM_FLAGS) !== 0) return -errno.EOPNOTSUPP;
  const appends = (file.appends && (asked.flags & RWF_NOAPPEND) === 0) || (asked.flags & RWF_APPEND) !== 0;
  const position = appends ? file.size : (asked.offset ?? file.position);
  const part = trap.context.kernel.writableBytes(file.inode, position, asked.length, file.size);
  if (part === asked.length) return PROCEED;
  if (part === 0n) return -errno.EPERM;
  const bytes = asked.take(Math.min(Number(part), MOST_BYTES));
  return writeBytes(file.fd, bytes, asked.offset);
}

interface Piece {
  readonly address: UserAddress;
  readonly length: number;
}

function fromMemory(trap: Trap, layout: typeof SINGLE | 'vector', offset: bigint | undefined, flags = 0): Write {
  const pieces = layout === SINGLE ? [{ address: trap.address(1), length: Number(trap.long(2)) }] : vector(trap);
  const length = BigInt(pieces.reduce((sum, piece) => sum + piece.length, 0));
  return { length, offset, flags, take: (bytes) => gather(trap, pieces, bytes) };
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
