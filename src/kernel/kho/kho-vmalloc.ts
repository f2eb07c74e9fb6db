/**
 * How an array of separate pages is handed over: a record of 16 bytes that its owner keeps, and a chain of chunks, a
 * page each, that list the pages. The format is that of `struct kho_vmalloc` of Linux 6.18, little-endian:
 *
 *     record: u64 first chunk; u32 number of pages; u16 flags; u16 order
 *     chunk:  u64 next chunk; 511 times u64 address of a page, 0 after the last one
 */
import { PAGE_SIZE, type PhysicalAddress, physicalAddress } from '../units.js';
import type { Folio } from './folio.js';
import { corrupt, hex, inheritedAddress, inheritedPage } from './inherited.js';
import type { PhysicalMemory } from './memory.js';

/** Where the pages of a preserved array are listed. */
export interface KhoVmalloc {
  /** The first chunk; 0 for an array without pages. */
  readonly first: PhysicalAddress;
  readonly totalPages: number;
  /** The `KHO_VMALLOC_*` bits. */
  readonly flags: number;
  /** The order of each piece that is listed. Here it is always 0. */
  readonly order: number;
}

/** The array was made by `vmalloc`. */
export const KHO_VMALLOC_ALLOC = 1;
/** Its mapping may use huge pages: of no meaning here, but no error. */
export const KHO_VMALLOC_HUGE_VMAP = 2;

/** The size of an encoded record. */
export const KHO_VMALLOC_SIZE = 16;

const WHAT = 'list of pages of a preserved array';
const ENTRY_SIZE = 8;
const ENTRIES_A_CHUNK = PAGE_SIZE / ENTRY_SIZE - 1;

/** The 16 bytes of a record. */
export function encodeKhoVmalloc({ first, totalPages, flags, order }: KhoVmalloc): Uint8Array {
  const bytes = new Uint8Array(KHO_VMALLOC_SIZE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(first), true);
  view.setUint32(8, totalPages, true);
  view.setUint16(12, flags, true);
  view.setUint16(14, order, true);
  return bytes;
}

/**
 * Reads what `encodeKhoVmalloc` wrote. Whether the pages are there is the question of `restoreVmalloc`.
 *
 * @throws KernelError EINVAL where it is not 16 bytes long or its address is none
 */
export function decodeKhoVmalloc(bytes: Uint8Array): KhoVmalloc {
  if (bytes.length !== KHO_VMALLOC_SIZE) {
    throw corrupt(WHAT, `its record has ${bytes.length} bytes and not ${KHO_VMALLOC_SIZE}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    first: inheritedAddress(view.getBigUint64(0, true), WHAT),
    totalPages: view.getUint32(8, true),
    flags: view.getUint16(12, true),
    order: view.getUint16(14, true),
  };
}

/**
 * Writes the chain that lists the pages. The chunks belong to the caller; an array without pages has none.
 *
 * @throws KernelError ENOMEM where RAM is too full; nothing is allocated then
 */
export function writeChunks(memory: PhysicalMemory, pages: readonly Folio[]): Folio[] {
  const chunks: Folio[] = [];
  try {
    for (let start = 0; start < pages.length; start += ENTRIES_A_CHUNK) {
      const chunk = memory.allocateFolio(0);
      chunks.at(-1)?.view.setBigUint64(0, BigInt(chunk.address), true);
      chunks.push(chunk);
      for (const [i, page] of pages.slice(start, start + ENTRIES_A_CHUNK).entries()) {
        chunk.view.setBigUint64((i + 1) * ENTRY_SIZE, BigInt(page.address), true);
      }
    }
  } catch (error) {
    for (const chunk of chunks) chunk.put();
    throw error;
  }
  return chunks;
}

/** The record of a chain that `writeChunks` wrote. */
export function recordOf(chunks: readonly Folio[], totalPages: number): KhoVmalloc {
  return { first: chunks[0]?.address ?? physicalAddress(0), totalPages, flags: KHO_VMALLOC_ALLOC, order: 0 };
}

export interface ReadChunks {
  readonly chunks: readonly PhysicalAddress[];
  readonly pages: readonly PhysicalAddress[];
}

/**
 * Follows the chain of a record. What the addresses point to is not looked at.
 *
 * @throws KernelError EINVAL where the record or the chain is corrupt
 */
export function readChunks(ram: Uint8Array, record: KhoVmalloc): ReadChunks {
  checkRecord(ram, record);
  const chunks = new Set<PhysicalAddress>();
  const pages: PhysicalAddress[] = [];
  for (let address = record.first; address !== 0; ) {
    if (chunks.has(address)) throw corrupt(WHAT, `the chain comes back to its chunk ${hex(address)}`);
    chunks.add(address);
    const chunk = inheritedPage(ram, address, WHAT);
    pages.push(...readEntries(chunk));
    if (pages.length > record.totalPages) break;
    address = inheritedAddress(chunk.getBigUint64(0, true), WHAT);
  }
  if (pages.length === record.totalPages) return { chunks: [...chunks], pages };
  const listed = pages.length > record.totalPages ? 'more are listed' : `${pages.length} are listed`;
  throw corrupt(WHAT, `it should have ${record.totalPages} pages and ${listed}`);
}

function checkRecord(ram: Uint8Array, { totalPages, flags, order }: KhoVmalloc): void {
  if (order !== 0) throw corrupt(WHAT, `its pages have order ${order}, only 0 is known`);
  if ((flags & ~(KHO_VMALLOC_ALLOC | KHO_VMALLOC_HUGE_VMAP)) !== 0) {
    throw corrupt(WHAT, `it has flags ${hex(flags)}, of which not all are known`);
  }
  // Known before anything is read, and so also a bound for the length of the chain.
  if (totalPages > ram.length / PAGE_SIZE) throw corrupt(WHAT, `its ${totalPages} pages are more than RAM has`);
}

function readEntries(chunk: DataView): PhysicalAddress[] {
  const pages: PhysicalAddress[] = [];
  for (let i = 1; i <= ENTRIES_A_CHUNK; i += 1) {
    const entry = chunk.getBigUint64(i * ENTRY_SIZE, true);
    if (entry === 0n) break;
    pages.push(inheritedAddress(entry, WHAT));
  }
  return pages;
}
