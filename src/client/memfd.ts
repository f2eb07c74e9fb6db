import { addSeals, getSeals, resize, statDescriptor } from '../host/descriptors.js';
import { MAX_MAPPED_LENGTH, mapWhileUsed } from '../host/mapped-array.js';
import { createMemfd } from '../host/memfd.js';
import { MFD_ALLOW_SEALING, MFD_HUGE_SHIFT, MFD_HUGETLB } from '../uapi/memfd.js';
import { Descriptor } from './descriptor.js';
import { type Attempt, attempt } from './error.js';
import { type Seal, sealBits, sealNames } from './seals.js';

/** What memory to make. */
export interface MemfdOptions {
  /** Bytes, 0 unless told. New memory is zero, and taken from the system when it is first written. */
  readonly size?: number;
  /** Whether seals can be added. */
  readonly sealable?: boolean;
  /**
   * Huge pages, of the default size or of so many bytes. Linux does not preserve such a file; luo does where it is
   * asked to (`--preserve hugetlb`).
   */
  readonly hugeTLB?: boolean | number;
}

/** A part of a memfd. */
export interface MapOptions {
  /** Where it begins: a whole number of pages in bytes, 0 unless told. */
  readonly offset?: number;
  /** Bytes; all that follow the offset unless told. */
  readonly length?: number;
}

/** Memory with a descriptor: what a session preserves. */
export class Memfd {
  readonly #descriptor: Descriptor;
  /** How far the memory may be in use by arrays. Bytes. */
  #mapped = 0;

  private constructor(fd: number, what: string) {
    this.#descriptor = new Descriptor(fd, what);
  }

  /**
   * Makes a memfd, close-on-exec.
   *
   * @param name what `/proc/PID/fd` shows, at most 249 bytes
   * @throws LiveUpdateError `EINVAL` for a name or page size that the kernel does not take, `EMFILE`, `ENOMEM`
   */
  static create(name: string, { size = 0, sealable = false, hugeTLB = false }: MemfdOptions = {}): Memfd {
    if (typeof name !== 'string')
      throw new TypeError(`Cannot name memory by a value of type ${typeof name}: a string is needed`);
    if (name.includes('\0')) throw new RangeError(`Cannot name memory ${JSON.stringify(name)}: it has a NUL`);
    checkSize(size, `make memory "${name}"`);
    const flags = (sealable ? MFD_ALLOW_SEALING : 0) | hugeFlags(hugeTLB);
    const what: Attempt = { operation: 'memfd_create', action: `make memory "${name}"` };
    const memfd = new Memfd(
      attempt(what, () => createMemfd(name, flags)),
      `memory "${name}"`,
    );
    try {
      if (size > 0) memfd.resize(size);
    } catch (error) {
      memfd.close();
      throw error;
    }
    return memfd;
  }

  /**
   * The memory behind a descriptor, such as one that `LiveUpdateSession.retrieve` gave. From now on it is this
   * object's to close.
   *
   * @throws LiveUpdateError `EINVAL` where it is no memfd, and no other file of a tmpfs; `EBADF`
   */
  static fromDescriptor(fd: number): Memfd {
    const memfd = new Memfd(fd, `the memory behind descriptor ${fd}`);
    memfd.#sealBits();
    return memfd;
  }

  /** The descriptor, which stays this object's. */
  get fd(): number {
    return this.#descriptor.for(this.#attempt('fstat', 'use'));
  }

  /** Bytes. */
  get size(): number {
    const what = this.#attempt('fstat', 'tell the size of');
    const fd = this.#descriptor.for(what);
    return Number(attempt(what, () => statDescriptor(fd)).size);
  }

  /** What it is sealed against. */
  get seals(): Seal[] {
    return sealNames(this.#sealBits());
  }

  /**
   * The memory itself as an array, shared with everybody who maps it, now and in the next generation: what is written
   * here is what is preserved. The array stays good after `close()`, and the mapping ends when no array refers to it
   * any more. A worker to which it is posted gets a copy. A length of a whole number of 64 KiB is best: such an array
   * cannot be transferred, as by a byte stream, which is a TypeError, and is fast element by element.
   *
   * Where another process makes the file shorter, touching what is gone kills this one (SIGBUS): seal a file that is
   * shared against `shrink`.
   *
   * @throws RangeError where the part is not inside the file, or longer than 4 GiB, the longest array of Node 20
   * @throws LiveUpdateError `ENOMEM`, `EINVAL` for an offset that is no whole number of pages, `EPERM` where it is
   * sealed against writing
   */
  map({ offset = 0, length }: MapOptions = {}): Uint8Array {
    const { size } = this;
    const bytes = length ?? size - offset;
    const part = `${bytes} bytes at ${offset} of ${this.#descriptor.what}, which has ${size}`;
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(bytes) || offset < 0 || bytes < 0)
      throw new RangeError(`Cannot map ${part}: whole numbers from 0 are needed`);
    if (offset + bytes > size) throw new RangeError(`Cannot map ${part}: resize() it first`);
    if (bytes > MAX_MAPPED_LENGTH)
      throw new RangeError(`Cannot map ${part}: an array has at most 4 GiB, map parts by { offset, length }`);
    if (bytes === 0) return new Uint8Array(0);
    const { fd } = this;
    const array = attempt(this.#attempt('mmap', 'map'), () => mapWhileUsed(fd, offset, bytes));
    this.#mapped = Math.max(this.#mapped, offset + bytes);
    return array;
  }

  /**
   * Gives it another size. What it grows by is zero.
   *
   * @param size bytes; not less than what `map` gave out, which would kill a program that reads its arrays
   * @throws LiveUpdateError `EPERM` where it is preserved or sealed
   */
  resize(size: number): void {
    const action = `give ${size} bytes to`;
    checkSize(size, `resize ${this.#descriptor.what}`);
    if (size < this.#mapped)
      throw new RangeError(
        `Cannot ${action} ${this.#descriptor.what}: arrays of its first ${this.#mapped} bytes may be in use`,
      );
    const what = this.#attempt('ftruncate', action);
    const fd = this.#descriptor.for(what);
    attempt(what, () => resize(fd, BigInt(size)));
  }

  /**
   * Seals it: a seal is never taken off. Seal before you preserve: on Linux, what is added later is lost.
   *
   * @throws LiveUpdateError `EPERM` where it is not sealable, `EBUSY` for `write` where it is mapped or preserved
   * @throws TypeError where one is no seal
   */
  seal(...seals: readonly Seal[]): void {
    const bits = sealBits(seals);
    const what = this.#attempt('F_ADD_SEALS', `add the seals ${seals.join(', ') || '(none)'} to`);
    const fd = this.#descriptor.for(what);
    attempt(what, () => addSeals(fd, bits));
  }

  /** Closes the descriptor. The memory stays while a session preserves it or an array refers to it. */
  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sealBits(): number {
    const what = this.#attempt('F_GET_SEALS', 'tell the seals of');
    const fd = this.#descriptor.for(what);
    return attempt(what, () => getSeals(fd));
  }

  #attempt(operation: Attempt['operation'], action: string): Attempt {
    return { operation, action: `${action} ${this.#descriptor.what}` };
  }
}

function checkSize(size: number, action: string): void {
  if (Number.isSafeInteger(size) && size >= 0) return;
  throw new RangeError(`Cannot ${action}: ${String(size)} bytes are no whole number from 0`);
}

function hugeFlags(hugeTLB: boolean | number): number {
  if (typeof hugeTLB === 'boolean') return hugeTLB ? MFD_HUGETLB : 0;
  const order = Math.log2(hugeTLB);
  if (!Number.isInteger(order) || order < 12 || order > 40)
    throw new RangeError(`Cannot make memory of pages of ${hugeTLB} bytes: a power of two is needed, such as 2097152`);
  return MFD_HUGETLB | (order << MFD_HUGE_SHIFT);
}
