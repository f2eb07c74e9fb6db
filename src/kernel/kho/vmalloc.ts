import { PAGE_SIZE, pagesFor } from '../units.js';
import type { Folio } from './folio.js';
import type { PhysicalMemory } from './memory.js';

/** Memory that is contiguous for its user and made of single pages that may lie anywhere in RAM. */
export class VmallocArray {
  /** `folios` are of order 0 and belong to the array from here on. */
  constructor(
    readonly folios: readonly Folio[],
    readonly byteLength: number = folios.length * PAGE_SIZE,
  ) {}

  /**
   * The little-endian number at `offset`, a multiple of 8.
   *
   * @throws RangeError where it is not inside the array
   */
  getUint64(offset: number): bigint {
    return this.#pageAt(offset).getBigUint64(offset % PAGE_SIZE, true);
  }

  /**
   * Writes a little-endian number at `offset`, a multiple of 8.
   *
   * @throws RangeError where it is not inside the array
   */
  setUint64(offset: number, value: bigint): void {
    this.#pageAt(offset).setBigUint64(offset % PAGE_SIZE, value, true);
  }

  /**
   * Gives the pages back.
   *
   * @throws Error where the array was freed before: a bug of the kernel
   */
  free(): void {
    for (const folio of this.folios) folio.put();
  }

  #pageAt(offset: number): DataView {
    const folio = this.folios[Math.floor(offset / PAGE_SIZE)];
    // A number at a multiple of 8 never lies across two pages.
    if (folio === undefined || offset % 8 !== 0 || offset + 8 > this.byteLength) {
      throw new RangeError(
        `Cannot reach 8 bytes at offset ${offset}: it must be a multiple of 8 in an array of ${this.byteLength} bytes`,
      );
    }
    return folio.view;
  }
}

/**
 * Allocates zeroed memory page by page, so that no run of free pages is needed.
 *
 * @throws KernelError ENOMEM where RAM has not as many free pages; none is kept then
 */
export function vmalloc(memory: PhysicalMemory, byteLength: number): VmallocArray {
  const folios: Folio[] = [];
  try {
    while (folios.length < pagesFor(byteLength)) folios.push(memory.allocateFolio(0));
  } catch (error) {
    for (const folio of folios) folio.put();
    throw error;
  }
  return new VmallocArray(folios, byteLength);
}
