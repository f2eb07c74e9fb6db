/**
 * A memfd as it is handed over, format `memfd-v1` (patch 17 of the v5 series). The handle is the address of a
 * devicetree in one page:
 *
 *     / { pos = <u64>; size = <u64>; nr_folios = <u64>; folios = <struct kho_vmalloc>; region = <u64>; };
 *
 * `nr_folios` is there where the size is not 0, and `folios` where there are any: an array of
 * { u64 foliodesc; u64 index; } in ascending order of the index. The upper 52 bits of foliodesc are the page frame
 * number, the lower 12 are flags; index is the page of the file that the folio starts with.
 *
 * `region` is luo's own: the page frame number that page 0 of the file has. A file that is empty, or has nothing but
 * holes, has no folio that could tell.
 */
import { KernelError } from '../error.js';
import { FdtError, propertyU64 } from '../kho/fdt.js';
import { FdtReader } from '../kho/fdt-reader.js';
import { FdtWriter } from '../kho/fdt-writer.js';
import { decodeKhoVmalloc, encodeKhoVmalloc, type KhoVmalloc } from '../kho/kho-vmalloc.js';
import { type PageFrameNumber, pageFrameNumber, pagesFor } from '../units.js';

export const MEMFD_COMPATIBLE = 'memfd-v1';

/** Bytes of one entry of the array of folios. */
export const FOLIO_ENTRY_SIZE = 16;
export const FOLIO_DIRTY = 1n;
export const FOLIO_UPTODATE = 2n;

const PFN_SHIFT = 12n;

export interface MemfdRecord {
  /** The position in the file, in bytes. */
  readonly position: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** Where the file lies in the physical address space. */
  readonly region: PageFrameNumber;
  readonly folioCount: bigint;
  /** Undefined where there is no folio. */
  readonly folios: KhoVmalloc | undefined;
}

/** The pages of address space that a file of `size` bytes takes. An empty one has a place, too, to be found by. */
export function regionPages(size: bigint): number {
  return Math.max(pagesFor(Number(size)), 1);
}

export function encodeMemfd({ position, size, region, folioCount, folios }: MemfdRecord): Uint8Array {
  const tree = new FdtWriter();
  tree.beginNode('');
  tree.propertyU64('pos', position);
  tree.propertyU64('size', size);
  if (size !== 0n) tree.propertyU64('nr_folios', folioCount);
  if (folios !== undefined) tree.property('folios', encodeKhoVmalloc(folios));
  tree.propertyU64('region', BigInt(region));
  tree.endNode();
  return tree.finish();
}

/** @throws KernelError EINVAL where the bytes are no such tree */
export function decodeMemfd(bytes: Uint8Array): MemfdRecord {
  try {
    const root = FdtReader.parse(bytes);
    const position = propertyU64(root, 'pos');
    const size = propertyU64(root, 'size');
    const folioCount = size === 0n ? 0n : propertyU64(root, 'nr_folios');
    const folios = root.properties.get('folios');
    if ((folioCount === 0n) !== (folios === undefined)) throw new FdtError('nr_folios does not agree with folios');
    return {
      position,
      size,
      region: page(propertyU64(root, 'region')),
      folioCount,
      folios: folios && decodeKhoVmalloc(folios),
    };
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    throw new KernelError('EINVAL', `Cannot read the devicetree of a memfd: ${error.message}`);
  }
}

export interface FolioEntry {
  readonly pfn: PageFrameNumber;
  readonly flags: bigint;
  readonly index: bigint;
}

export function encodeFolioDescriptor(pfn: PageFrameNumber, flags: bigint): bigint {
  return (BigInt(pfn) << PFN_SHIFT) | flags;
}

/** @throws KernelError EINVAL where the page is outside of the physical address space */
export function decodeFolioEntry(descriptor: bigint, index: bigint): FolioEntry {
  return { pfn: page(descriptor >> PFN_SHIFT), flags: descriptor & ((1n << PFN_SHIFT) - 1n), index };
}

function page(pfn: bigint): PageFrameNumber {
  try {
    return pageFrameNumber(pfn);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new KernelError('EINVAL', `Cannot find the memory of a memfd: ${error.message}`);
  }
}
