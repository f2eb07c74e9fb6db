import { KernelError } from '../error.js';
import { PAGE_SIZE, type PageFrameNumber, type PhysicalAddress, pageFrameNumber } from '../units.js';
import { Folio } from './folio.js';
import { FreeBlocks } from './free-blocks.js';

/** The largest order of a folio in RAM: 4 MiB, as in Linux (`MAX_PAGE_ORDER`). */
export const MAX_PAGE_ORDER = 10;

/** 2^order pages from `pfn`, which is a multiple of as many. */
export interface PageBlock {
  readonly pfn: PageFrameNumber;
  readonly order: number;
}

/**
 * The machine's RAM and who has which part of it: a buddy allocator, the lowest address first. What it knows of the
 * pages is outside of RAM and ends with the kernel.
 *
 * Not here: memory of preserved files, which has addresses above RAM and is the hardware's.
 */
export class PhysicalMemory {
  /** Called before each allocation, with its length in pages. May throw a KernelError, to make it fail. */
  onAllocate: ((pages: number) => void) | undefined;
  /** The size of RAM in pages. */
  readonly pages: number;
  readonly #free: readonly FreeBlocks[];
  /** What `adoptFolio` may still take: the order of each reserved block. */
  readonly #reserved = new Map<PageFrameNumber, number>();
  readonly #allocated = new Map<PageFrameNumber, Folio>();
  #freePages = 0;

  /**
   * All of RAM is free but `reserved` and page 0: that one is never handed out, so that address 0 can mean "none".
   *
   * @throws RangeError where RAM is no whole number of pages
   * @throws Error where a reserved block is not in RAM or overlaps another one
   */
  constructor(
    /** All of it: index 0 is physical address 0. */
    readonly ram: Uint8Array,
    reserved: Iterable<PageBlock> = [],
  ) {
    if (ram.length === 0 || ram.length % PAGE_SIZE !== 0) {
      throw new RangeError(`Cannot use ${ram.length} bytes as RAM: it must be one page of ${PAGE_SIZE} bytes or more`);
    }
    this.pages = ram.length / PAGE_SIZE;
    this.#free = Array.from({ length: MAX_PAGE_ORDER + 1 }, (_, order) => new FreeBlocks(this.pages >> order));
    this.#freeEverything();
    this.#reserve(pageFrameNumber(0), 0);
    for (const { pfn, order } of reserved) {
      this.#reserve(pfn, order);
      this.#reserved.set(pfn, order);
    }
  }

  /** How many pages could be allocated, one by one. */
  get freePages(): number {
    return this.#freePages;
  }

  /** The folios that have a reference, to look for leaks. */
  allocatedFolios(): Iterable<Folio> {
    return this.#allocated.values();
  }

  /** Every block that somebody has or that is reserved: what cannot be allocated but for page 0. */
  *blocksInUse(): Generator<PageBlock> {
    yield* this.#allocated.values();
    for (const [pfn, order] of this.#reserved) yield { pfn, order };
  }

  /** The folio that starts at the page, where there is one. */
  folioAt(pfn: PageFrameNumber): Folio | undefined {
    return this.#allocated.get(pfn);
  }

  /**
   * Allocates 2^order pages that are contiguous and zero, with one reference.
   *
   * @throws KernelError ENOMEM where no run of as many pages is free, or no run can be (`MAX_PAGE_ORDER`)
   * @throws RangeError where the order is no whole number from 0
   */
  allocateFolio(order: number): Folio {
    if (!Number.isInteger(order) || order < 0) {
      throw new RangeError(`Cannot allocate a folio of order ${order}: it must be a whole number from 0`);
    }
    this.onAllocate?.(2 ** order);
    const pfn = this.#take(order);
    if (pfn === undefined) {
      throw new KernelError(
        'ENOMEM',
        `Cannot allocate ${2 ** order} pages in one piece: ${this.#freePages} of ${this.pages} pages of RAM are free, ` +
          `in pieces of up to ${this.#largestPiece()}; free preserved memory or give the machine more RAM`,
      );
    }
    this.ram.fill(0, pfn * PAGE_SIZE, (pfn + 2 ** order) * PAGE_SIZE);
    return this.#track(pfn, order);
  }

  /**
   * Makes a block that is reserved a folio with one reference. Its bytes stay as they are.
   *
   * @throws Error where exactly that block is not reserved, or no longer: a bug of the kernel
   */
  adoptFolio(pfn: PageFrameNumber, order: number): Folio {
    if (this.#reserved.get(pfn) !== order) {
      throw new Error(`Cannot adopt page ${pfn} with order ${order}: no such block is reserved`);
    }
    this.#reserved.delete(pfn);
    return this.#track(pfn, order);
  }

  /**
   * The bytes of RAM at an address, not a copy.
   *
   * @throws RangeError where not all of them are in RAM
   */
  bytes(address: PhysicalAddress, length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || address + length > this.ram.length) {
      throw new RangeError(`Cannot reach ${length} bytes at address ${address}: RAM has ${this.ram.length} bytes`);
    }
    return this.ram.subarray(address, address + length);
  }

  #track(pfn: PageFrameNumber, order: number): Folio {
    const folio = new Folio(this.ram, pfn, order, this.#release);
    this.#allocated.set(pfn, folio);
    return folio;
  }

  /** What the last put of any folio does: one function for all of them. */
  readonly #release = ({ pfn, order }: Folio): void => {
    this.#allocated.delete(pfn);
    this.#give(pfn, order);
  };

  /** Takes the smallest free piece that is large enough and gives back what is too much of it. */
  #take(order: number): PageFrameNumber | undefined {
    for (let from = order; from <= MAX_PAGE_ORDER; from += 1) {
      const block = this.#blocks(from).takeLowest();
      if (block === undefined) continue;
      this.#freePages -= 2 ** from;
      const pfn = pageFrameNumber(block * 2 ** from);
      this.#split(pfn, from, order);
      return pfn;
    }
    return undefined;
  }

  /** Takes one block that is free, whatever larger piece it is a part of now. */
  #reserve(pfn: PageFrameNumber, order: number): void {
    for (let from = order; from <= MAX_PAGE_ORDER && pfn % 2 ** order === 0; from += 1) {
      if (!this.#blocks(from).delete(Math.floor(pfn / 2 ** from))) continue;
      this.#freePages -= 2 ** from;
      this.#split(pfn, from, order);
      return;
    }
    throw new Error(`Cannot reserve page ${pfn} with order ${order}: it is not aligned, not in RAM or not free`);
  }

  /** Halves the block of order `from` that holds `pfn` until one of `order` is left; the other halves become free. */
  #split(pfn: PageFrameNumber, from: number, order: number): void {
    for (let half = from - 1; half >= order; half -= 1) {
      this.#blocks(half).add(buddyOf(Math.floor(pfn / 2 ** half)));
      this.#freePages += 2 ** half;
    }
  }

  /** Frees a block and joins it with its buddy, and that with its own, as long as they are free. */
  #give(pfn: PageFrameNumber, order: number): void {
    this.#freePages += 2 ** order;
    let block = pfn / 2 ** order;
    let joined = order;
    while (joined < MAX_PAGE_ORDER && this.#blocks(joined).delete(buddyOf(block))) {
      block = Math.floor(block / 2);
      joined += 1;
    }
    this.#blocks(joined).add(block);
  }

  /** Gives the largest blocks that fit, from address 0: RAM need not be a multiple of the largest order. */
  #freeEverything(): void {
    let pfn = 0;
    for (let order = MAX_PAGE_ORDER; order >= 0; order -= 1) {
      for (; pfn + 2 ** order <= this.pages; pfn += 2 ** order) this.#blocks(order).add(pfn / 2 ** order);
    }
    this.#freePages = this.pages;
  }

  #largestPiece(): number {
    const order = this.#free.findLastIndex((blocks) => blocks.size > 0);
    return order < 0 ? 0 : 2 ** order;
  }

  #blocks(order: number): FreeBlocks {
    const blocks = this.#free[order];
    if (blocks === undefined) throw new RangeError(`Cannot find blocks of order ${order}: it must be 0 to 10`);
    return blocks;
  }
}

/** The other half of the block of twice the size. */
function buddyOf(block: number): number {
  return block % 2 === 0 ? block + 1 : block - 1;
}
