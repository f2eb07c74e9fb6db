/**
 * Small pieces of memory whose address does not change, for the structures that system calls read and write. They are
 * allocated once, when a module is loaded, and used again by every call.
 */
import { map } from './libc.js';

export interface Scratch {
  readonly address: number;
  readonly bytes: Buffer;
  readonly view: DataView;
}

const POOL_SIZE = 1 << 20;
const pool = map(POOL_SIZE);
let used = 0;

/** @throws RangeError where the pool is used up: it is for structures, not for data */
export function scratch(size: number): Scratch {
  const start = used;
  used = (start + size + 15) & ~15;
  if (used > POOL_SIZE)
    throw new RangeError(`Cannot allocate ${size} bytes of scratch memory: ${POOL_SIZE} are used up`);
  const { buffer, byteOffset } = pool.bytes;
  return {
    address: pool.address + start,
    bytes: Buffer.from(buffer, byteOffset + start, size),
    view: new DataView(buffer, byteOffset + start, size),
  };
}

const path = scratch(4096 + 16);

/**
 * Puts a path where a system call can read it. Valid until the next call.
 *
 * @returns its address
 */
export function pathAddress(text: string): number {
  const length = path.bytes.write(text, 0, 4096, 'latin1');
  path.bytes[length] = 0;
  return path.address;
}
