/** Bytes in a page, on every architecture that luo serves: the physical memory is luo's own. */
export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;

declare const unit: unique symbol;

/** A byte of the machine's physical address space. Below 2^52, so that a JavaScript number holds it exactly. */
export type PhysicalAddress = number & { readonly [unit]: 'physical address' };

/** A page frame number: a physical address divided by the page size. */
export type PageFrameNumber = number & { readonly [unit]: 'page frame number' };

/** The first physical address that no machine has. */
export const PHYSICAL_ADDRESS_LIMIT = 2 ** 52;

/**
 * A number as a physical address.
 *
 * @throws RangeError where `value` is no whole number in the physical address space
 */
export function physicalAddress(value: number | bigint): PhysicalAddress {
  const address = Number(value);
  if (!Number.isSafeInteger(address) || address < 0 || address >= PHYSICAL_ADDRESS_LIMIT) {
    throw new RangeError(`Cannot use ${value} as a physical address: it must be at least 0 and below 2^52`);
  }
  // The check above is what makes a number a physical address.
  return address as PhysicalAddress;
}

/**
 * A number as a page frame number.
 *
 * @throws RangeError where `value` is no whole number in the physical address space
 */
export function pageFrameNumber(value: number | bigint): PageFrameNumber {
  const pfn = Number(value);
  if (!Number.isSafeInteger(pfn) || pfn < 0 || pfn >= PHYSICAL_ADDRESS_LIMIT / PAGE_SIZE) {
    throw new RangeError(`Cannot use ${value} as a page frame number: it must be at least 0 and below 2^40`);
  }
  // The check above is what makes a number a page frame number.
  return pfn as PageFrameNumber;
}

export function addressOf(pfn: PageFrameNumber): PhysicalAddress {
  return physicalAddress(pfn * PAGE_SIZE);
}

/** The page that holds the address. */
export function pageOf(address: PhysicalAddress): PageFrameNumber {
  return pageFrameNumber(Math.floor(address / PAGE_SIZE));
}

/** The order of a folio of so many bytes: a power of 2, a page or more. */
export function orderOf(bytes: number): number {
  return Math.log2(bytes) - PAGE_SHIFT;
}

/** The number of pages that `bytes` take. */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE);
}
