/**
 * The preserved-memory map of KHO of Linux 6.18: a chain of pages, each with the bitmaps of one order. All numbers are
 * little-endian.
 *
 *     page:    u64 next page; u32 order; u32 number of elements; then the elements
 *     element: u64 physical address of bit 0; u64 address of a bitmap of 512 bytes
 */
import { PAGE_SIZE, type PhysicalAddress, physicalAddress } from '../units.js';
import type { Folio } from './folio.js';
import { corrupt, hex, inheritedAddress, inheritedPage } from './inherited.js';
import type { PhysicalMemory } from './memory.js';
import { BITMAP_BYTES, bitmapSpan, bitmapStart, MAX_FOLIO_ORDER, type TrackedBitmap, Tracker } from './tracker.js';

const WHAT = 'preserved-memory map';

const NEXT = 0;
const ORDER = 8;
const COUNT = 12;
const ELEMENTS = 16;
const ELEMENT_SIZE = 16;
const ELEMENTS_A_PAGE = (PAGE_SIZE - ELEMENTS) / ELEMENT_SIZE;
const BITMAPS_A_PAGE = PAGE_SIZE / BITMAP_BYTES;

export interface WrittenMap {
  /** The first page of the chain; 0 where nothing is preserved. */
  readonly first: PhysicalAddress;
  /** What the map is written in. The caller puts them. */
  readonly folios: readonly Folio[];
}

/**
 * Writes the map into pages that it allocates.
 *
 * @throws KernelError ENOMEM where RAM is too full; nothing is allocated then
 */
export function writeMemoryMap(memory: PhysicalMemory, tracker: Tracker): WrittenMap {
  const folios: Folio[] = [];
  try {
    return { first: writeChain(memory, tracker, folios), folios };
  } catch (error) {
    for (const folio of folios) folio.put();
    throw error;
  }
}

function writeChain(memory: PhysicalMemory, tracker: Tracker, folios: Folio[]): PhysicalAddress {
  let first = physicalAddress(0);
  let page: Folio | undefined;
  let bitmaps: Folio | undefined;
  let written = 0;
  for (const { order, index, bits } of tracker.bitmaps()) {
    if (page === undefined || !hasRoom(page, order)) {
      const next = memory.allocateFolio(0);
      folios.push(next);
      next.view.setUint32(ORDER, order, true);
      page?.view.setBigUint64(NEXT, BigInt(next.address), true);
      if (page === undefined) first = next.address;
      page = next;
    }
    const slot = written % BITMAPS_A_PAGE;
    if (bitmaps === undefined || slot === 0) {
      bitmaps = memory.allocateFolio(0);
      folios.push(bitmaps);
    }
    bitmaps.bytes.set(bits, slot * BITMAP_BYTES);
    addElement(page, bitmapStart(order, index), bitmaps.address + slot * BITMAP_BYTES);
    written += 1;
  }
  return first;
}

function hasRoom(page: Folio, order: number): boolean {
  return page.view.getUint32(ORDER, true) === order && page.view.getUint32(COUNT, true) < ELEMENTS_A_PAGE;
}

function addElement(page: Folio, start: number, bitmap: number): void {
  const count = page.view.getUint32(COUNT, true);
  const at = ELEMENTS + count * ELEMENT_SIZE;
  page.view.setBigUint64(at, BigInt(start), true);
  page.view.setBigUint64(at + 8, BigInt(bitmap), true);
  page.view.setUint32(COUNT, count + 1, true);
}

/**
 * Reads the map that starts at `first`, 0 for an empty one. What it returns shares no memory with RAM, so the pages of
 * the map are of no use afterwards.
 *
 * @throws KernelError EINVAL where the map is corrupt
 */
export function readMemoryMap(ram: Uint8Array, first: PhysicalAddress): Tracker {
  const tracker = new Tracker();
  // Pages and bitmaps: each is there once, so RAM is a bound for the length of the map.
  const seen = new Set<PhysicalAddress>();
  for (let address = first; address !== 0; ) {
    if (seen.has(address)) throw corrupt(WHAT, `the chain comes back to its page ${hex(address)}`);
    seen.add(address);
    const page = inheritedPage(ram, address, WHAT);
    readElements(ram, page, tracker, seen);
    address = inheritedAddress(page.getBigUint64(NEXT, true), WHAT);
  }
  const overlap = tracker.overlap();
  if (overlap === undefined) return tracker;
  throw corrupt(WHAT, `the folio of order ${overlap.order} at page ${overlap.pfn} overlaps another one`);
}

function readElements(ram: Uint8Array, page: DataView, tracker: Tracker, seen: Set<PhysicalAddress>): void {
  const order = page.getUint32(ORDER, true);
  const count = page.getUint32(COUNT, true);
  if (order > MAX_FOLIO_ORDER) {
    throw corrupt(WHAT, `a page has order ${order}, the largest is ${MAX_FOLIO_ORDER}`);
  }
  if (count > ELEMENTS_A_PAGE) {
    throw corrupt(WHAT, `a page has ${count} elements, the most is ${ELEMENTS_A_PAGE}`);
  }
  for (let i = 0; i < count; i += 1) {
    const bitmap = readElement(ram, page, ELEMENTS + i * ELEMENT_SIZE, seen);
    if (tracker.addBitmap(bitmap)) continue;
    throw corrupt(WHAT, `order ${order} has two bitmaps for ${hex(bitmapStart(order, bitmap.index))}`);
  }
}

function readElement(ram: Uint8Array, page: DataView, at: number, seen: Set<PhysicalAddress>): TrackedBitmap {
  const order = page.getUint32(ORDER, true);
  const start = inheritedAddress(page.getBigUint64(at, true), WHAT);
  const bitmap = inheritedAddress(page.getBigUint64(at + 8, true), WHAT);
  if (start % bitmapSpan(order) !== 0) {
    throw corrupt(WHAT, `a bitmap of order ${order} starts at ${hex(start)}, which is not aligned`);
  }
  if (bitmap < PAGE_SIZE || bitmap + BITMAP_BYTES > ram.length || bitmap % BITMAP_BYTES !== 0) {
    throw corrupt(WHAT, `a bitmap cannot be in RAM at ${hex(bitmap)}`);
  }
  if (seen.has(bitmap)) throw corrupt(WHAT, `the bitmap at ${hex(bitmap)} is there twice`);
  seen.add(bitmap);
  return { order, index: start / bitmapSpan(order), bits: ram.subarray(bitmap, bitmap + BITMAP_BYTES) };
}
