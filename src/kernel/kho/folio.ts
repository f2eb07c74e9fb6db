import { addressOf, PAGE_SIZE, type PageFrameNumber, type PhysicalAddress } from '../units.js';

/** Pages of RAM that belong together: 2^order of them, aligned to their own size, counted by references. */
export class Folio {
  readonly address: PhysicalAddress;
  readonly #ram: Uint8Array;
  readonly #free: (folio: Folio) => void;
  #references = 1;
  // Made on demand: of the many pages of an array most are never looked at.
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;

  /** Only physical memory makes folios: `free` is what happens at the last put. */
  constructor(
    ram: Uint8Array,
    readonly pfn: PageFrameNumber,
    readonly order: number,
    free: (folio: Folio) => void,
  ) {
    this.address = addressOf(pfn);
    this.#ram = ram;
    this.#free = free;
  }

  /**
   * The memory itself, not a copy.
   *
   * @throws Error where the folio was freed: a bug of the kernel
   */
  get bytes(): Uint8Array {
    this.#mustLive('read');
    this.#bytes ??= this.#ram.subarray(this.address, this.address + PAGE_SIZE * 2 ** this.order);
    return this.#bytes;
  }

  /**
   * The memory as numbers.
   *
   * @throws Error where the folio was freed: a bug of the kernel
   */
  get view(): DataView {
    const bytes = this.bytes;
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#view;
  }

  /**
   * Takes one more reference.
   *
   * @throws Error where the folio was freed: a bug of the kernel
   */
  get(): this {
    this.#mustLive('get');
    this.#references += 1;
    return this;
  }

  /**
   * Gives one reference back. The last one frees the pages.
   *
   * @throws Error where the folio was freed: a bug of the kernel
   */
  put(): void {
    this.#mustLive('put');
    this.#references -= 1;
    if (this.#references === 0) this.#free(this);
  }

  #mustLive(action: string): void {
    if (this.#references > 0) return;
    throw new Error(`Cannot ${action} the folio at page ${this.pfn}: it has no reference left`);
  }
}
