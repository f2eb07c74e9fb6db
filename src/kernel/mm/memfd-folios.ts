/**
 * The folios of a memfd as they are handed over (`struct memfd_luo_folio_ser`): an array of two 64-bit numbers for each
 * folio, in ascending order of the second. That is the page of the file that the folio starts with; the first has the
 * page frame number in 52 bits and flags in 12. Which are the upper ones, each format has its own way.
 */
import { KernelError } from '../error.js';
import { type PageFrameNumber, pageFrameNumber } from '../units.js';

/** Bytes of one entry of the array. */
export const FOLIO_ENTRY_SIZE = 16;
export const FOLIO_DIRTY = 1n;
export const FOLIO_UPTODATE = 2n;

const PFN_BITS = 52;
const FLAG_BITS = 12;

export interface FolioEntry {
  readonly pfn: PageFrameNumber;
  readonly flags: bigint;
  readonly index: bigint;
}

/** How the first number of an entry is packed. */
export interface FolioLayout {
  encode(pfn: PageFrameNumber, flags: bigint): bigint;
  /** @throws KernelError EINVAL where the page is outside of the physical address space */
  decode(descriptor: bigint, index: bigint): FolioEntry;
}

/** The page in the upper bits, the flags in the lower ones (`foliodesc`, patch 17 of the v5 series). */
export const pfnAboveFlags: FolioLayout = {
  encode: (pfn, flags) => (BigInt(pfn) << BigInt(FLAG_BITS)) | flags,
  decode: (descriptor, index) => ({
    pfn: inheritedPfn(descriptor >> BigInt(FLAG_BITS)),
    flags: BigInt.asUintN(FLAG_BITS, descriptor),
    index,
  }),
};

/** The page in the lower bits, the flags in the upper ones (measured on Linux 7.3). */
export const pfnBelowFlags: FolioLayout = {
  encode: (pfn, flags) => (flags << BigInt(PFN_BITS)) | BigInt(pfn),
  decode: (descriptor, index) => ({
    pfn: inheritedPfn(BigInt.asUintN(PFN_BITS, descriptor)),
    flags: descriptor >> BigInt(PFN_BITS),
    index,
  }),
};

/** @throws KernelError EINVAL where the page is outside of the physical address space */
export function inheritedPfn(pfn: bigint): PageFrameNumber {
  try {
    return pageFrameNumber(pfn);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new KernelError('EINVAL', `Cannot find the memory of a memfd: ${error.message}`);
  }
}
