import { type Tracer, trace } from '../step.js';
import type { PageFrameNumber, PhysicalAddress } from '../units.js';
import type { Folio } from './folio.js';
import { Incoming } from './incoming.js';
import type { KhoVmalloc } from './kho-vmalloc.js';
import type { PageBlock, PhysicalMemory } from './memory.js';
import { Outgoing } from './outgoing.js';
import type { VmallocArray } from './vmalloc.js';

export { decodeKhoVmalloc, encodeKhoVmalloc, type KhoVmalloc } from './kho-vmalloc.js';

/**
 * Kexec HandOver, as in Linux 6.18 ("kho-v1"): memory that keeps its place and its content over a kexec, and the
 * devicetrees that say whose it is. All that the next kernel needs is in RAM; the address of the root leads to it.
 *
 * The two directions do not touch each other: what was restored is handed over again only when it is preserved again.
 */
export class Kho {
  /** The RAM of this kernel. */
  readonly memory: PhysicalMemory;
  /** Sees what is done, once it is set. */
  tracer: Tracer | undefined;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;

  /** A kernel to which nothing was handed over. */
  constructor(memory: PhysicalMemory, incoming: Incoming = Incoming.none(memory)) {
    this.memory = memory;
    this.#incoming = incoming;
    this.#outgoing = new Outgoing(memory);
  }

  /**
   * A kernel that takes over the RAM of the last one. What was preserved is reserved until it is restored; everything
   * else is free, the pages of the root and of the map too: they are read only here. So nothing is left to boot from
   * once this kernel has allocated memory.
   *
   * @throws KernelError EINVAL where the root or the preserved-memory map is corrupt
   */
  static boot(ram: Uint8Array, root: PhysicalAddress): Kho {
    const incoming = Incoming.read(ram, root);
    return new Kho(incoming.memory, incoming);
  }

  /**
   * Hands over a folio: one of RAM that is in use, or memory above RAM. The caller keeps its reference as long as it is
   * preserved.
   *
   * @throws KernelError EINVAL where no folio of that order can be there, or RAM has none in use
   * @throws KernelError EBUSY where a page of it is preserved, or the handover is finalized
   */
  preserveFolio(pfn: PageFrameNumber, order: number): void {
    this.#outgoing.preserveFolio(pfn, order);
    this.tracer?.folio('preserve_folio', 2 ** order);
  }

  /** @throws Error where exactly that folio is not preserved, or the handover is finalized: a bug of the kernel */
  unpreserveFolio(pfn: PageFrameNumber, order: number): void {
    this.#outgoing.unpreserveFolio(pfn, order);
    this.tracer?.folio('unpreserve_folio', 2 ** order);
  }

  /**
   * Hands over the pages of an array and a list of them. The array remains the caller's.
   *
   * @returns what the next kernel needs to find the list
   * @throws KernelError ENOMEM where RAM is too full for the list; nothing is preserved then
   * @throws KernelError EBUSY where a page is preserved, or the handover is finalized; nothing is preserved then
   */
  preserveVmalloc(array: VmallocArray): KhoVmalloc {
    const action = { kind: 'kho', callback: 'preserve_vmalloc', pages: array.folios.length } as const;
    return trace(this.tracer, action, () => this.#outgoing.preserveVmalloc(array));
  }

  /**
   * Undoes `preserveVmalloc` and frees the list.
   *
   * @throws Error where there is no such list, or the handover is finalized: a bug of the kernel
   */
  unpreserveVmalloc(record: KhoVmalloc): void {
    const action = { kind: 'kho', callback: 'unpreserve_vmalloc', pages: record.totalPages } as const;
    trace(this.tracer, action, () => this.#outgoing.unpreserveVmalloc(record));
  }

  /**
   * Gives the next kernel a page by name: a devicetree, or whatever its reader expects. It is the caller's, who also
   * preserves it.
   *
   * @throws KernelError EINVAL where no node of a devicetree can have the name
   * @throws KernelError EEXIST where the name is taken
   * @throws KernelError EBUSY where the handover is finalized
   */
  addSubtree(name: string, fdt: PhysicalAddress): void {
    this.#outgoing.addSubtree(name, fdt);
  }

  /** @throws Error where there is none of the name, or the handover is finalized: a bug of the kernel */
  removeSubtree(name: string): void {
    this.#outgoing.removeSubtree(name);
  }

  /**
   * Writes into RAM what the next kernel reads. From then on nothing can be preserved or given up, until `abort`.
   *
   * @returns the address of the root
   * @throws KernelError ENOMEM where RAM is too full; nothing has changed then
   * @throws KernelError ENOSPC where there are more subtrees than the root has room for; nothing has changed then
   * @throws KernelError EEXIST where the handover is finalized
   * @throws Error where a folio of RAM was freed while it was preserved: a bug of the kernel
   */
  finalize(): PhysicalAddress {
    return trace(this.tracer, { kind: 'kho', callback: 'finalize' }, () => this.#outgoing.finalize());
  }

  /**
   * Frees what `finalize` wrote; what is preserved stays so. Memory that is in use and not preserved gets back the bytes
   * that it had at `finalize`, whatever a kernel that was booted from the handover has made of it. Does nothing where
   * the handover is not finalized.
   */
  abort(): void {
    trace(this.tracer, { kind: 'kho', callback: 'abort' }, () => this.#outgoing.abort());
  }

  /** The page that the last kernel gave by that name. */
  subtree(name: string): PhysicalAddress | undefined {
    return this.#incoming.subtree(name);
  }

  /** The folio that starts at the address, where the last kernel preserved one and this one has not restored it. */
  isPreserved(address: PhysicalAddress): { order: number } | undefined {
    return this.#incoming.isPreserved(address);
  }

  /**
   * Takes over a folio above RAM.
   *
   * @throws KernelError ENOENT where none that is preserved starts at the address, or it was restored before
   * @throws KernelError EINVAL where it lies in RAM: use `restoreRamFolio`
   */
  restoreFolio(address: PhysicalAddress): PageBlock {
    const block = this.#incoming.restoreFolio(address);
    this.tracer?.folio('restore_folio', 2 ** block.order);
    return block;
  }

  /**
   * Takes over a folio of RAM, with one reference.
   *
   * @throws KernelError ENOENT where none that is preserved starts at the address, or it was restored before
   * @throws KernelError EINVAL where it lies above RAM: use `restoreFolio`
   */
  restoreRamFolio(address: PhysicalAddress): Folio {
    const folio = this.#incoming.restoreRamFolio(address);
    this.tracer?.folio('restore_folio', 2 ** folio.order);
    return folio;
  }

  /**
   * Takes over an array and frees the list of its pages. The array is as long as its pages: the length in bytes is not
   * handed over.
   *
   * @throws KernelError EINVAL where the list is corrupt or names a page that is not preserved; nothing has changed then
   */
  restoreVmalloc(record: KhoVmalloc): VmallocArray {
    const action = { kind: 'kho', callback: 'restore_vmalloc', pages: record.totalPages } as const;
    return trace(this.tracer, action, () => this.#incoming.restoreVmalloc(record));
  }
}

/** What everybody may do with it but whoever runs the kernel: to make the handover, or to call it off, is the kernel's. */
export type HandoverMemory = Omit<Kho, 'finalize' | 'abort'>;
