/** Memory of a file as an array, which no program can be left with once it is unmapped. */
import { fstatSync } from 'node:fs';
import { errno } from '../uapi/errno.js';
import { fileSystemMagic } from './descriptors.js';
import { addressOf, mapInPlace, SystemError } from './libc.js';

/** The part of WebAssembly's interface in JavaScript that is used. The types of Node do not have it. */
declare const WebAssembly: {
  readonly Memory: new (pages: {
    readonly initial: number;
    readonly maximum: number;
  }) => {
    readonly buffer: ArrayBuffer;
  };
};

/** ECMAScript 2024, which Node 20 has and the compiler's library for it has not: hence the cast. */
const ResizableArrayBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => ArrayBuffer;

const WASM_PAGE = 1 << 16;
const WASM_MAX_PAGES = 1 << 16;

/** The longest array that Node 20 can make of mapped memory. Bytes. */
export const MAX_MAPPED_LENGTH = WASM_PAGE * WASM_MAX_PAGES;

const HUGETLBFS_MAGIC = 0x958458f6;

/**
 * Maps `length` bytes of the file behind `fd`, shared with everybody who maps it, for as long as an array refers to
 * them: the mapping needs no descriptor.
 *
 * The place is memory that V8 has taken from the system in pages and gives back itself. An array buffer that is made
 * around memory would not do: a byte stream or `ArrayBuffer.prototype.transfer` moves it to another buffer, and nothing
 * tells that it is still in use when the first one has been collected.
 *
 * @param offset a whole number of pages
 * @param length from 1 to `MAX_MAPPED_LENGTH`; huge pages need some of that for themselves
 * @returns an array that begins at a page and is all of its buffer, but for huge pages, where it is a part of it
 * @throws SystemError
 */
export function mapWhileUsed(fd: number, offset: number, length: number): Uint8Array {
  const hugePage = hugePageSize(fd);
  const covered = hugePage === 0 ? length : roundUp(length, hugePage);
  const buffer = newBuffer(covered + hugePage);
  const start = hugePage === 0 ? 0 : -Number(addressOf(new Uint8Array(buffer)) % BigInt(hugePage)) + hugePage;
  mapInPlace(new Uint8Array(buffer, start, covered), fd, offset);
  return new Uint8Array(buffer, start, length);
}

/**
 * A buffer of whole pages that nothing else is in. Two kinds of them have such memory. That of WebAssembly cannot be
 * transferred, is as fast as any and takes some 10 GiB of addresses, but has a whole number of 64 KiB. One that can be
 * resized, here to no more than it has, is of any length, keeps its memory where it is transferred, and element by
 * element takes some three times as long.
 *
 * @throws SystemError `ENOMEM` where there is no room among the addresses
 */
function newBuffer(bytes: number): ArrayBuffer {
  const pages = bytes / WASM_PAGE;
  try {
    return Number.isInteger(pages)
      ? new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer
      : new ResizableArrayBuffer(bytes, { maxByteLength: bytes });
  } catch (error) {
    // A TypeError for too many pages, a RangeError for no memory.
    if (error instanceof TypeError || error instanceof RangeError) throw new SystemError('mmap', errno.ENOMEM);
    throw error;
  }
}

/** The size of the file's huge pages, in bytes; 0 where it has none. */
function hugePageSize(fd: number): number {
  return fileSystemMagic(fd) === HUGETLBFS_MAGIC ? fstatSync(fd).blksize : 0;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
