import { PAGE_SHIFT, type PageFrameNumber, pageFrameNumber } from '../units.js';
import { anyBit, clearBit, countBits, setBit, setBits, testBit } from './bitmap.js';
import type { PageBlock } from './memory.js';

/** The largest order of a preserved folio: 1 GiB. */
export const MAX_FOLIO_ORDER = 18;

/** The bitmap of KHO of Linux 6.18: 512 bytes, so 4096 folios of one order. */
export const BITMAP_BYTES = 512;
export const BITMAP_BITS = BITMAP_BYTES * 8;

/** The bitmap of one order with this index: its bit i is the folio `index * 4096 + i`, counted in folios. */
export interface TrackedBitmap {
  readonly order: number;
  readonly index: number;
  readonly bits: Uint8Array;
}

interface Bitmap {
  readonly bits: Uint8Array;
  /** How many bits are set: a bitmap without any is dropped. */
  count: number;
}

/**
 * Which folios are preserved: a bit for each folio, so that a large one costs as much as a small one. The folios may
 * have any address, in RAM or above.
 */
export class Tracker {
  /** The bitmaps of each order by their index. None is without a bit. */
  readonly #orders = Array.from({ length: MAX_FOLIO_ORDER + 1 }, () => new Map<number, Bitmap>());

  /** Whether exactly that folio is here. */
  has(pfn: PageFrameNumber, order: number): boolean {
    const { index, bit } = place(pfn, order);
    const bitmap = this.#bitmaps(order).get(index);
    return pfn % 2 ** order === 0 && bitmap !== undefined && testBit(bitmap.bits, bit);
  }

  /** Adds a folio that overlaps no other one: ask `overlaps` first. `pfn` is a multiple of 2^order. */
  add(pfn: PageFrameNumber, order: number): void {
    const { index, bit } = place(pfn, order);
    const bitmaps = this.#bitmaps(order);
    const bitmap = bitmaps.get(index) ?? { bits: new Uint8Array(BITMAP_BYTES), count: 0 };
    setBit(bitmap.bits, bit);
    bitmap.count += 1;
    bitmaps.set(index, bitmap);
  }

  /** @returns whether exactly that folio was there */
  delete(pfn: PageFrameNumber, order: number): boolean {
    if (!this.has(pfn, order)) return false;
    const { index, bit } = place(pfn, order);
    const bitmap = this.#bitmaps(order).get(index);
    if (bitmap === undefined) return false;
    clearBit(bitmap.bits, bit);
    bitmap.count -= 1;
    if (bitmap.count === 0) this.#bitmaps(order).delete(index);
    return true;
  }

  /** The order of the folio that starts at the page, where there is one. */
  orderAt(pfn: PageFrameNumber): number | undefined {
    const order = this.#orders.findIndex((bitmaps, order) => bitmaps.size > 0 && this.has(pfn, order));
    return order < 0 ? undefined : order;
  }

  /** Whether a page of the block is a page of a folio that is here. */
  overlaps(pfn: PageFrameNumber, order: number): boolean {
    return this.#orders.some((bitmaps, other) => {
      if (bitmaps.size === 0) return false;
      if (other >= order) return this.has(pageFrameNumber(pfn - (pfn % 2 ** other)), other);
      return hasWithin(bitmaps, pfn / 2 ** other, 2 ** (order - other));
    });
  }

  /** The folios that start below a page, by order and then by address. */
  *folios(below: number = Number.POSITIVE_INFINITY): Generator<PageBlock> {
    for (const { order, index, bits } of this.bitmaps()) {
      if (index * BITMAP_BITS * 2 ** order >= below) continue;
      for (const bit of setBits(bits)) {
        const pfn = pageFrameNumber((index * BITMAP_BITS + bit) * 2 ** order);
        if (pfn < below) yield { pfn, order };
      }
    }
  }

  /** The bitmaps that have a bit, by order and then by address. */
  *bitmaps(): Generator<TrackedBitmap> {
    for (const [order, bitmaps] of this.#orders.entries()) {
      const ascending = [...bitmaps].sort(([a], [b]) => a - b);
      for (const [index, { bits }] of ascending) yield { order, index, bits };
    }
  }

  /**
   * Adds a whole bitmap, as the last kernel wrote it. What overlaps between two orders is not found here but by
   * `overlap`, once all of them are there.
   *
   * @returns false where the order has that bitmap already
   */
  addBitmap({ order, index, bits }: TrackedBitmap): boolean {
    const bitmaps = this.#bitmaps(order);
    if (bitmaps.has(index)) return false;
    const count = countBits(bits);
    if (count > 0) bitmaps.set(index, { bits: bits.slice(), count });
    return true;
  }

  /** A folio that is a part of a larger one, where there is one: then the bitmaps cannot be true. */
  overlap(): PageBlock | undefined {
    for (const small of this.bitmaps()) {
      for (let order = small.order + 1; order <= MAX_FOLIO_ORDER; order += 1) {
        const pfn = this.#overlapAt(small, order);
        if (pfn !== undefined) return { pfn, order };
      }
    }
    return undefined;
  }

  /** The larger folio of `order` in which a folio of the bitmap lies. */
  #overlapAt(small: TrackedBitmap, order: number): PageFrameNumber | undefined {
    if (this.#bitmaps(order).size === 0) return undefined;
    const smallInLarge = 2 ** (order - small.order);
    const bitsInLarge = Math.min(BITMAP_BITS, smallInLarge);
    const first = Math.floor((small.index * BITMAP_BITS) / smallInLarge);
    // The large folios under a bitmap lie in one bitmap of their own order, for it covers a multiple of the range.
    const large = this.#bitmaps(order).get(Math.floor(first / BITMAP_BITS));
    if (large === undefined) return undefined;
    for (let i = 0; i < BITMAP_BITS / bitsInLarge; i += 1) {
      if (!testBit(large.bits, (first + i) % BITMAP_BITS)) continue;
      if (anyBit(small.bits, i * bitsInLarge, bitsInLarge)) return pageFrameNumber((first + i) * 2 ** order);
    }
    return undefined;
  }

  #bitmaps(order: number): Map<number, Bitmap> {
    const bitmaps = this.#orders[order];
    if (bitmaps === undefined) throw new RangeError(`Cannot track order ${order}: it must be 0 to ${MAX_FOLIO_ORDER}`);
    return bitmaps;
  }
}

/** The physical address of bit 0 of a bitmap. */
export function bitmapStart(order: number, index: number): number {
  return index * bitmapSpan(order);
}

/** How many bytes of physical address space the bits of a bitmap stand for. */
export function bitmapSpan(order: number): number {
  return BITMAP_BITS * 2 ** (order + PAGE_SHIFT);
}

function place(pfn: PageFrameNumber, order: number): { index: number; bit: number } {
  const folio = Math.floor(pfn / 2 ** order);
  return { index: Math.floor(folio / BITMAP_BITS), bit: folio % BITMAP_BITS };
}

/** Whether one of `count` folios from `first` is there; both as in `anyBit`. */
function hasWithin(bitmaps: ReadonlyMap<number, Bitmap>, first: number, count: number): boolean {
  const index = Math.floor(first / BITMAP_BITS);
  if (count <= BITMAP_BITS) {
    const bitmap = bitmaps.get(index);
    return bitmap !== undefined && anyBit(bitmap.bits, first % BITMAP_BITS, count);
  }
  // At most 64 bitmaps lie under the largest folio, and one that is there has a bit.
  for (let i = 0; i < count / BITMAP_BITS; i += 1) {
    if (bitmaps.has(index + i)) return true;
  }
  return false;
}
