import { KernelError } from '../error.js';
import { addressOf, PAGE_SIZE, type PageFrameNumber, PHYSICAL_ADDRESS_LIMIT, type PhysicalAddress } from '../units.js';
import { isNodeName } from './fdt.js';
import type { Folio } from './folio.js';
import { hex } from './inherited.js';
import { type KhoVmalloc, recordOf, writeChunks } from './kho-vmalloc.js';
import type { PhysicalMemory } from './memory.js';
import { writeMemoryMap } from './memory-map.js';
import { writeRoot } from './root.js';
import { MAX_FOLIO_ORDER, Tracker } from './tracker.js';
import type { VmallocArray } from './vmalloc.js';

interface PreservedVmalloc {
  readonly pages: readonly Folio[];
  readonly chunks: readonly Folio[];
}

/** A copy of pages. */
interface KeptPages {
  readonly address: PhysicalAddress;
  readonly bytes: Uint8Array;
}

/** What this kernel hands over to the next one. The methods are those of `Kho`, which documents them. */
export class Outgoing {
  readonly #memory: PhysicalMemory;
  readonly #preserved = new Tracker();
  /** By the address of their first chunk. */
  readonly #vmallocs = new Map<PhysicalAddress, PreservedVmalloc>();
  readonly #subtrees = new Map<string, PhysicalAddress>();
  /** What `finalize` wrote the map and the root in. */
  #written: readonly Folio[] | undefined;
  /** The bytes of what is in use and does not pass, from `finalize` to `abort`. */
  #kept: readonly KeptPages[] = [];

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  preserveFolio(pfn: PageFrameNumber, order: number): void {
    const action = `preserve the folio of order ${order} at page ${pfn}`;
    this.#mustBeOpen(action);
    const obstacle = this.#obstacle(pfn, order);
    if (obstacle !== undefined) throw new KernelError('EINVAL', `Cannot ${action}: ${obstacle}`);
    if (this.#preserved.overlaps(pfn, order)) {
      throw new KernelError('EBUSY', `Cannot ${action}: a page of it is preserved already`);
    }
    this.#preserved.add(pfn, order);
  }

  unpreserveFolio(pfn: PageFrameNumber, order: number): void {
    this.#mustNotBeWritten(`unpreserve the folio at page ${pfn}`);
    if (this.#preserved.delete(pfn, order)) return;
    throw new Error(`Cannot unpreserve the folio of order ${order} at page ${pfn}: it is not preserved`);
  }

  preserveVmalloc(array: VmallocArray): KhoVmalloc {
    this.#mustBeOpen(`preserve an array of ${array.byteLength} bytes`);
    const chunks = writeChunks(this.#memory, array.folios);
    try {
      this.#preserveAll([...array.folios, ...chunks]);
    } catch (error) {
      for (const chunk of chunks) chunk.put();
      throw error;
    }
    const record = recordOf(chunks, array.folios.length);
    if (chunks.length > 0) this.#vmallocs.set(record.first, { pages: array.folios, chunks });
    return record;
  }

  unpreserveVmalloc(record: KhoVmalloc): void {
    this.#mustNotBeWritten(`unpreserve the array that is listed at ${hex(record.first)}`);
    if (record.totalPages === 0) return;
    const preserved = this.#vmallocs.get(record.first);
    if (preserved === undefined) {
      throw new Error(`Cannot unpreserve the array that is listed at ${hex(record.first)}: it is not preserved`);
    }
    this.#vmallocs.delete(record.first);
    for (const page of preserved.pages) this.unpreserveFolio(page.pfn, 0);
    for (const chunk of preserved.chunks) {
      this.unpreserveFolio(chunk.pfn, 0);
      chunk.put();
    }
  }

  addSubtree(name: string, fdt: PhysicalAddress): void {
    this.#mustBeOpen(`add subtree "${name}"`);
    if (!isNodeName(name)) {
      throw new KernelError('EINVAL', `Cannot add subtree "${name}": no node of a devicetree can have that name`);
    }
    if (this.#subtrees.has(name)) throw new KernelError('EEXIST', `Cannot add subtree "${name}": there is one already`);
    this.#subtrees.set(name, fdt);
  }

  removeSubtree(name: string): void {
    this.#mustNotBeWritten(`remove subtree "${name}"`);
    if (this.#subtrees.delete(name)) return;
    throw new Error(`Cannot remove subtree "${name}": there is none`);
  }

  finalize(): PhysicalAddress {
    if (this.#written !== undefined) {
      throw new KernelError('EEXIST', 'Cannot finalize the handover: it is finalized; abort it first');
    }
    this.#checkOwners();
    const kept = this.#copyOfWhatStays();
    const map = writeMemoryMap(this.#memory, this.#preserved);
    try {
      const root = writeRoot(this.#memory, { memoryMap: map.first, subtrees: this.#subtrees });
      this.#written = [...map.folios, root];
      this.#kept = kept;
      return root.address;
    } catch (error) {
      for (const folio of map.folios) folio.put();
      throw error;
    }
  }

  abort(): void {
    for (const { address, bytes } of this.#kept) this.#memory.ram.set(bytes, address);
    this.#kept = [];
    for (const folio of this.#written ?? []) folio.put();
    this.#written = undefined;
  }

  /**
   * What is in use and does not pass, such as the state of files that the last kernel left and nobody finished: to the
   * next kernel these pages are free, and it may have used them before it turns out that it cannot go on. Linux boots
   * in scratch memory instead, which nothing else is ever in.
   */
  #copyOfWhatStays(): KeptPages[] {
    const kept: KeptPages[] = [];
    for (const { pfn, order } of this.#memory.blocksInUse()) {
      if (this.#preserved.has(pfn, order)) continue;
      const address = addressOf(pfn);
      kept.push({ address, bytes: this.#memory.bytes(address, PAGE_SIZE * 2 ** order).slice() });
    }
    return kept;
  }

  /** All of them or none. */
  #preserveAll(folios: readonly Folio[]): void {
    const done: Folio[] = [];
    try {
      for (const folio of folios) {
        this.preserveFolio(folio.pfn, folio.order);
        done.push(folio);
      }
    } catch (error) {
      for (const folio of done) this.unpreserveFolio(folio.pfn, folio.order);
      throw error;
    }
  }

  /** Why no folio that can be preserved is there, where that is so. */
  #obstacle(pfn: PageFrameNumber, order: number): string | undefined {
    if (!Number.isInteger(order) || order < 0 || order > MAX_FOLIO_ORDER) {
      return `the order must be 0 to ${MAX_FOLIO_ORDER}`;
    }
    if (pfn % 2 ** order !== 0) return `its page must be a multiple of ${2 ** order}`;
    if ((pfn + 2 ** order) * PAGE_SIZE > PHYSICAL_ADDRESS_LIMIT) return 'it ends above the physical address space';
    if (pfn < this.#memory.pages && this.#memory.folioAt(pfn)?.order !== order) return 'RAM has no such folio in use';
    return undefined;
  }

  /** The next kernel would find something else in a folio that was freed while it was preserved. */
  #checkOwners(): void {
    for (const { pfn, order } of this.#preserved.folios(this.#memory.pages)) {
      if (this.#memory.folioAt(pfn)?.order === order) continue;
      throw new Error(`Cannot finalize the handover: the folio of order ${order} at page ${pfn} was freed`);
    }
  }

  #mustBeOpen(action: string): void {
    if (this.#written === undefined) return;
    throw new KernelError('EBUSY', `Cannot ${action}: the handover is finalized and cannot take more`);
  }

  #mustNotBeWritten(action: string): void {
    if (this.#written === undefined) return;
    throw new Error(`Cannot ${action}: the handover is finalized; abort it first`);
  }
}
