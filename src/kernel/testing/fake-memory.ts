import { KernelError } from '../error.js';
import type { UserAddress, UserMemory } from '../hardware.js';
import { PAGE_SIZE } from '../units.js';

interface FakePage {
  readonly bytes: Uint8Array;
  readonly writable: boolean;
}

/** The memory of a program, for tests: pages that can be read, some that can be written, and nothing between them. */
export class FakeMemory implements UserMemory {
  readonly #pages = new Map<bigint, FakePage>();
  #next = 0x10000n;

  /** Maps pages for `length` bytes, with a hole after them. */
  map(length: number, { writable = true } = {}): UserAddress {
    const start = this.#next;
    const pages = Math.ceil(length / PAGE_SIZE);
    for (let i = 0; i < pages; i += 1) {
      this.#pages.set(start / BigInt(PAGE_SIZE) + BigInt(i), { bytes: new Uint8Array(PAGE_SIZE), writable });
    }
    this.#next += BigInt((pages + 1) * PAGE_SIZE);
    return address(start);
  }

  /** Maps `bytes` so that they end right before a hole, or lie at the start of a page. */
  put(bytes: Uint8Array, { writable = true, beforeHole = false } = {}): UserAddress {
    const start = this.map(Math.max(bytes.length, 1), { writable });
    const pages = Math.ceil(Math.max(bytes.length, 1) / PAGE_SIZE);
    const at = beforeHole ? address(start + BigInt(pages * PAGE_SIZE - bytes.length)) : start;
    this.#each(at, bytes.length, false, (page, offset, done, length) => {
      page.bytes.set(bytes.subarray(done, done + length), offset);
    });
    return at;
  }

  /** Unmaps the pages from `start` on, up to the next hole. */
  unmap(start: UserAddress): void {
    for (let page = start / BigInt(PAGE_SIZE); this.#pages.delete(page); page += 1n);
  }

  unmapAll(): void {
    this.#pages.clear();
  }

  read(from: UserAddress, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#each(from, length, false, (page, offset, done, part) => {
      bytes.set(page.bytes.subarray(offset, offset + part), done);
    });
    return bytes;
  }

  write(to: UserAddress, bytes: Uint8Array): void {
    this.#each(to, bytes.length, true, (page, offset, done, part) => {
      page.bytes.set(bytes.subarray(done, done + part), offset);
    });
  }

  checkWritable(to: UserAddress, length: number): void {
    this.#each(to, length, true, () => {});
  }

  /** Visits the part of each page, in order: where it begins in the page, how much is done, and how long it is. */
  #each(
    from: bigint,
    length: number,
    write: boolean,
    visit: (page: FakePage, offset: number, done: number, length: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const position = from + BigInt(done);
      const page = this.#pages.get(position / BigInt(PAGE_SIZE));
      if (page === undefined || (write && !page.writable)) {
        throw new KernelError('EFAULT', `Cannot ${write ? 'write' : 'read'} at 0x${position.toString(16)}`);
      }
      const offset = Number(position % BigInt(PAGE_SIZE));
      const part = Math.min(PAGE_SIZE - offset, length - done);
      visit(page, offset, done, part);
      done += part;
    }
  }
}

/** The fake decides where the memory of a program is. */
export function address(value: bigint): UserAddress {
  return value as UserAddress;
}
