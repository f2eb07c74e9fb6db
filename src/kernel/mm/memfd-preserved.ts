import { KernelError } from '../error.js';
import type { HostFile } from '../fs/file.js';
import type { Extent, FileStatus } from '../hardware.js';
import type { Folio } from '../kho/folio.js';
import type { KhoVmalloc } from '../kho/kho-vmalloc.js';
import type { PageBlock } from '../kho/memory.js';
import { vmalloc } from '../kho/vmalloc.js';
import { orderOf, PAGE_SIZE, PHYSICAL_ADDRESS_LIMIT } from '../units.js';
import { FOLIO_DIRTY, FOLIO_ENTRY_SIZE, FOLIO_UPTODATE, type FolioLayout } from './memfd-folios.js';
import { type MemfdFormat, regionPages } from './memfd-format.js';
import type { MemoryManagement } from './memory-management.js';
import { preservePage } from './preserved-page.js';
import { folios as foliosOf, type MappedRegion } from './region.js';
import { Undo } from './undo.js';

/** A memfd in the kernel that preserves it. */
export class PreservedMemfd {
  readonly #mm: MemoryManagement;
  readonly #format: MemfdFormat;
  readonly #file: HostFile;
  readonly #memory: PreservedMemory;
  /** Linux reads them when the file is preserved: those that are added later are lost (measured on Linux 7.3). */
  readonly #seals: number;
  readonly #state: Folio;
  readonly #undo: Undo;

  private constructor(
    mm: MemoryManagement,
    format: MemfdFormat,
    file: HostFile,
    readonly size: bigint,
    seals: number,
    memory: PreservedMemory,
    state: Folio,
    undo: Undo,
  ) {
    this.#mm = mm;
    this.#format = format;
    this.#file = file;
    this.#seals = seals;
    this.#memory = memory;
    this.#state = state;
    this.#undo = undo;
  }

  /**
   * Pins the pages, maps the file into the address space, writes down its folios, and freezes the mapping.
   *
   * @throws KernelError ENOMEM; nothing has changed then: a file that another session has frozen (v5) stays so
   */
  static preserve(mm: MemoryManagement, format: MemfdFormat, file: HostFile, status: FileStatus): PreservedMemfd {
    const { inode, size } = status;
    const undo = new Undo();
    try {
      const memory = preserveMemory(mm, format.folios, file, status, undo);
      const state = preservePage(mm.kho, undo);
      const seals = mm.hardware.seals(file.descriptor);
      const preserved = new PreservedMemfd(mm, format, file, size, seals, memory, state, undo);
      preserved.#write();
      // Last: frozen is a flag, and taking it back takes it from every session that has the file.
      mm.inodes.freeze(inode);
      undo.add(() => mm.inodes.unfreeze(inode));
      return preserved;
    } catch (error) {
      undo.run();
      throw error;
    }
  }

  get data(): bigint {
    return BigInt(this.#state.address);
  }

  unpreserve(): void {
    this.#undo.run();
  }

  /** Takes the position of now: programs moved it after they preserved the file (measured on Linux 7.3). */
  freeze(): void {
    this.#write();
  }

  #write(): void {
    const state = this.#format.encode({
      position: this.#mm.hardware.position(this.#file.descriptor),
      size: this.size,
      seals: this.#seals,
      region: this.#memory.region.start,
      folioCount: BigInt(this.#memory.folioCount),
      folios: this.#memory.folios,
      order: this.#memory.order,
    });
    this.#state.bytes.fill(0);
    this.#state.bytes.set(state);
  }
}

interface PreservedMemory {
  readonly region: MappedRegion;
  readonly folioCount: number;
  readonly folios: KhoVmalloc | undefined;
  /** The order of every folio, where the file consists of huge pages. */
  readonly order: number | undefined;
}

/** Adds each step back to `undo`. */
function preserveMemory(
  mm: MemoryManagement,
  layout: FolioLayout,
  file: HostFile,
  { inode, size, kind }: FileStatus,
  undo: Undo,
): PreservedMemory {
  if (size > BigInt(PHYSICAL_ADDRESS_LIMIT)) {
    throw new KernelError('ENOMEM', `Cannot map ${size} bytes: no part of the address space is as large`);
  }
  const bytes = Number(size);
  const region = mm.regions.allocate(regionPages(size), file);
  undo.add(() => mm.regions.free(region));
  const order = kind === 'hugetlb' ? orderOf(mm.hardware.hugePageSize(file.descriptor)) : undefined;
  if (bytes === 0) return { region, folioCount: 0, folios: undefined, order };
  mm.inodes.pin(inode, file.descriptor);
  undo.add(() => mm.inodes.unpin(inode, file.descriptor));
  const blocks = mm.hardware.dataExtents(file.descriptor, bytes).flatMap((extent) => blocksOf(region, extent, order));
  if (blocks.length === 0) return { region, folioCount: 0, folios: undefined, order };
  return { region, order, folioCount: blocks.length, folios: preserveFolios(mm, layout, region, blocks, undo) };
}

function blocksOf(region: MappedRegion, { start, end }: Extent, order: number | undefined): PageBlock[] {
  return [...foliosOf(region.start + start / PAGE_SIZE, region.start + end / PAGE_SIZE, order)];
}

function preserveFolios(
  { kho }: MemoryManagement,
  layout: FolioLayout,
  region: MappedRegion,
  blocks: PageBlock[],
  undo: Undo,
): KhoVmalloc {
  const array = vmalloc(kho.memory, blocks.length * FOLIO_ENTRY_SIZE);
  undo.add(() => array.free());
  const preserved: PageBlock[] = [];
  undo.add(() => {
    for (const { pfn, order } of preserved.reverse()) kho.unpreserveFolio(pfn, order);
  });
  for (const [i, block] of blocks.entries()) {
    const { pfn, order } = block;
    kho.preserveFolio(pfn, order);
    preserved.push(block);
    array.setUint64(i * FOLIO_ENTRY_SIZE, layout.encode(pfn, FOLIO_DIRTY | FOLIO_UPTODATE));
    array.setUint64(i * FOLIO_ENTRY_SIZE + 8, BigInt(pfn - region.start));
  }
  const record = kho.preserveVmalloc(array);
  undo.add(() => kho.unpreserveVmalloc(record));
  return record;
}
