import { KernelError } from '../error.js';
import type { HostFile } from '../fs/file.js';
import type { Region } from '../hardware.js';
import { PAGE_SIZE, type PageFrameNumber, PHYSICAL_ADDRESS_LIMIT, pageFrameNumber } from '../units.js';

/** The largest order of a folio outside of RAM: 1 GiB. Regions start at a multiple of it, so that any order fits. */
export const MAX_REGION_ORDER = 18;

const ALIGNMENT = 2 ** MAX_REGION_ORDER;
/** The first page of the address space that is for regions, where RAM does not reach as far: 1 TiB. */
const FIRST_PAGE = 2 ** 28;
const PAGE_LIMIT = PHYSICAL_ADDRESS_LIMIT / PAGE_SIZE;

/** The memory of a file as a part of the physical address space. It holds the file. */
export interface MappedRegion {
  readonly start: PageFrameNumber;
  readonly pages: number;
  readonly file: HostFile;
  /** Whether the last kernel handed it over. What it did not, goes to the next one. */
  readonly incoming: boolean;
  /** Whether somebody answers for it. */
  claimed: boolean;
}

/** What `Regions.adopt` takes: a region that the last kernel handed over. */
export type AdoptedRegion = Pick<MappedRegion, 'start' | 'pages' | 'file'>;

/** The address space above RAM. */
export class Regions {
  readonly #regions = new Map<PageFrameNumber, MappedRegion>();
  readonly #first: number;
  /** The first page after all regions that there ever were. */
  #unused: number;

  constructor(ramPages: number) {
    this.#first = Math.max(FIRST_PAGE, aligned(ramPages));
    this.#unused = this.#first;
  }

  get all(): Iterable<MappedRegion> {
    return this.#regions.values();
  }

  /** What the next kernel gets. */
  get outgoing(): Region[] {
    return [...this.#regions.values()]
      .filter((region) => !region.incoming)
      .map(({ start, pages, file }) => ({ start, pages, descriptor: file.descriptor }));
  }

  /**
   * Gives `pages` of the address space to a file and takes a reference of it.
   *
   * @throws KernelError ENOMEM where no part of the address space is as large
   */
  allocate(pages: number, file: HostFile): MappedRegion {
    const start = pageFrameNumber(this.#unused + pages <= PAGE_LIMIT ? this.#unused : this.#lowestGap(pages));
    const region = { start, pages, file: file.get(), incoming: false, claimed: true };
    this.#insert(region);
    return region;
  }

  /**
   * Takes over the regions that the last kernel handed over. The caller's references of the files pass to them.
   *
   * @throws KernelError EINVAL where one is not above RAM or overlaps another one; none is taken over then
   */
  adopt(regions: readonly AdoptedRegion[]): void {
    let end = this.#first;
    for (const { start, pages } of [...regions].sort((a, b) => a.start - b.start)) {
      if (!Number.isSafeInteger(pages) || pages < 1 || start < end || start + pages > PAGE_LIMIT) {
        throw new KernelError(
          'EINVAL',
          `Cannot map ${pages} pages at page ${start}: the next free page is ${end}, and the last one ${PAGE_LIMIT - 1}`,
        );
      }
      end = start + pages;
    }
    for (const region of regions) this.#insert({ ...region, incoming: true, claimed: false });
  }

  /** Takes the region out of the address space and puts the file. */
  free(region: MappedRegion): void {
    if (this.#regions.get(region.start) !== region) {
      throw new Error(`Cannot free the region at page ${region.start}: it is not there`);
    }
    this.#regions.delete(region.start);
    region.file.put();
  }

  /** A region of the last kernel that starts at the page and that nobody claimed before: the caller must free it. */
  claim(start: PageFrameNumber, pages: number): MappedRegion | undefined {
    const region = this.#regions.get(start);
    if (region?.pages !== pages || region.claimed) return undefined;
    region.claimed = true;
    return region;
  }

  #insert(region: MappedRegion): void {
    this.#regions.set(region.start, region);
    this.#unused = Math.max(this.#unused, aligned(region.start + region.pages));
  }

  /** Only where the end of the address space was reached. */
  #lowestGap(pages: number): number {
    let end = this.#first;
    for (const region of [...this.#regions.values()].sort((a, b) => a.start - b.start)) {
      if (end + pages <= region.start) return end;
      end = aligned(region.start + region.pages);
    }
    if (end + pages <= PAGE_LIMIT) return end;
    throw new KernelError('ENOMEM', `Cannot map ${pages} pages: no part of the address space is as large`);
  }
}

function aligned(page: number): number {
  return Math.ceil(page / ALIGNMENT) * ALIGNMENT;
}

/**
 * Cuts pages into folios of the largest orders that are aligned to their own size.
 *
 * @param from the first page
 * @param to the page after the last one
 * @param limit no folio has a larger order
 */
export function* folios(
  from: number,
  to: number,
  limit = MAX_REGION_ORDER,
): Generator<{ pfn: PageFrameNumber; order: number }> {
  for (let pfn = from; pfn < to; ) {
    let order = 0;
    while (order < limit && pfn % 2 ** (order + 1) === 0 && pfn + 2 ** (order + 1) <= to) order += 1;
    yield { pfn: pageFrameNumber(pfn), order };
    pfn += 2 ** order;
  }
}
