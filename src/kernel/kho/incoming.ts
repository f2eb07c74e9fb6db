import { KernelError } from '../error.js';
import { PAGE_SIZE, type PageFrameNumber, type PhysicalAddress, pageOf } from '../units.js';
import type { Folio } from './folio.js';
import { corrupt, hex } from './inherited.js';
import { type KhoVmalloc, readChunks } from './kho-vmalloc.js';
import { MAX_PAGE_ORDER, type PageBlock, PhysicalMemory } from './memory.js';
import { readMemoryMap } from './memory-map.js';
import { type Root, readRoot } from './root.js';
import { Tracker } from './tracker.js';
import { VmallocArray } from './vmalloc.js';

/** What the last kernel handed over to this one. The methods are those of `Kho`, which documents them. */
export class Incoming {
  readonly memory: PhysicalMemory;
  readonly #subtrees: Root['subtrees'];
  /** What was preserved and not restored. */
  readonly #preserved: Tracker;

  /** Nothing was handed over. */
  static none(memory: PhysicalMemory): Incoming {
    return new Incoming(memory, new Map(), new Tracker());
  }

  /**
   * Everything is read before the allocator exists. So the pages of the root and of the map need no reservation: they
   * are free from the first allocation on.
   *
   * @throws KernelError EINVAL where something that was handed over is corrupt
   */
  static read(ram: Uint8Array, address: PhysicalAddress): Incoming {
    const root = readRoot(ram, address);
    const preserved = readMemoryMap(ram, root.memoryMap);
    const memory = new PhysicalMemory(ram, blocksInRam(preserved, ram.length / PAGE_SIZE));
    return new Incoming(memory, root.subtrees, preserved);
  }

  private constructor(memory: PhysicalMemory, subtrees: Root['subtrees'], preserved: Tracker) {
    this.memory = memory;
    this.#subtrees = subtrees;
    this.#preserved = preserved;
  }

  subtree(name: string): PhysicalAddress | undefined {
    return this.#subtrees.get(name);
  }

  isPreserved(address: PhysicalAddress): { order: number } | undefined {
    if (address % PAGE_SIZE !== 0) return undefined;
    const order = this.#preserved.orderAt(pageOf(address));
    return order === undefined ? undefined : { order };
  }

  restoreFolio(address: PhysicalAddress): PageBlock {
    const block = this.#find(address);
    if (!this.#isRam(block.pfn)) return this.#take(block);
    throw new KernelError('EINVAL', `Cannot restore the folio at ${hex(address)}: it must be above RAM and lies in it`);
  }

  restoreRamFolio(address: PhysicalAddress): Folio {
    const block = this.#find(address);
    if (this.#isRam(block.pfn)) return this.#adopt(block);
    throw new KernelError('EINVAL', `Cannot restore the folio at ${hex(address)}: it must be in RAM and lies above it`);
  }

  /** Nothing is adopted before everything is checked: a corrupt list leaves all of its pages as they were. */
  restoreVmalloc(record: KhoVmalloc): VmallocArray {
    const { chunks, pages } = readChunks(this.memory.ram, record);
    const blocks = this.#singlePages([...pages, ...chunks]).map((block) => this.#adopt(block));
    for (const chunk of blocks.splice(pages.length)) chunk.put();
    return new VmallocArray(blocks);
  }

  /** The pages at the addresses, each of them preserved and in RAM, none twice. */
  #singlePages(addresses: readonly PhysicalAddress[]): PageBlock[] {
    const seen = new Set<PhysicalAddress>();
    return addresses.map((address) => {
      const what = 'list of pages of a preserved array';
      if (this.isPreserved(address)?.order !== 0 || !this.#isRam(pageOf(address))) {
        throw corrupt(what, `no single page is preserved in RAM at ${hex(address)}`);
      }
      if (seen.has(address)) throw corrupt(what, `the page at ${hex(address)} is listed twice`);
      seen.add(address);
      return { pfn: pageOf(address), order: 0 };
    });
  }

  #find(address: PhysicalAddress): PageBlock {
    const preserved = this.isPreserved(address);
    if (preserved !== undefined) return { pfn: pageOf(address), order: preserved.order };
    throw new KernelError(
      'ENOENT',
      `Cannot restore the folio at ${hex(address)}: none is preserved there, or it was restored before`,
    );
  }

  #adopt(block: PageBlock): Folio {
    const { pfn, order } = this.#take(block);
    return this.memory.adoptFolio(pfn, order);
  }

  #take(block: PageBlock): PageBlock {
    this.#preserved.delete(block.pfn, block.order);
    return block;
  }

  #isRam(pfn: PageFrameNumber): boolean {
    return pfn < this.memory.pages;
  }
}

/** The folios for which the allocator must keep their place. Memory above RAM is not its business. */
function blocksInRam(preserved: Tracker, pages: number): PageBlock[] {
  const blocks = [...preserved.folios(pages)];
  for (const { pfn, order } of blocks) {
    if (pfn !== 0 && order <= MAX_PAGE_ORDER && pfn + 2 ** order <= pages) continue;
    throw corrupt('preserved-memory map', `no folio of order ${order} can have been in RAM at page ${pfn}`);
  }
  return blocks;
}
