import { KernelError } from '../error.js';
import type { HostFile } from '../fs/file.js';
import type { Extent, FileStatus } from '../hardware.js';
import type { Folio } from '../kho/folio.js';
import type { KhoVmalloc } from '../kho/kho-vmalloc.js';
import type { PageBlock } from '../kho/memory.js';
import { vmalloc } from '../kho/vmalloc.js';
import type { PreservedFile } from '../liveupdate/handler.js';
import { PAGE_SIZE, PHYSICAL_ADDRESS_LIMIT } from '../units.js';
import {
  encodeFolioDescriptor,
  encodeMemfd,
  FOLIO_DIRTY,
  FOLIO_ENTRY_SIZE,
  FOLIO_UPTODATE,
  regionPages,
} from './memfd-abi.js';
import type { MemoryManagement } from './memory-management.js';
import { folios as foliosOf, type MappedRegion } from './region.js';
import { Undo } from './undo.js';

/** A memfd in the kernel that preserves it. */
export class PreservedMemfd implements PreservedFile {
  readonly #mm: MemoryManagement;
  readonly #file: HostFile;
  readonly #memory: PreservedMemory;
  readonly #tree: Folio;
  readonly #undo: Undo;

  private constructor(
    mm: MemoryManagement,
    file: HostFile,
    readonly size: bigint,
    memory: PreservedMemory,
    tree: Folio,
    undo: Undo,
  ) {
    this.#mm = mm;
    this.#file = file;
    this.#memory = memory;
    this.#tree = tree;
    this.#undo = undo;
  }

  /**
   * Freezes the mapping and pins the pages, maps the file into the address space, and writes down its folios.
   *
   * @throws KernelError ENOMEM; nothing is kept then
   */
  static preserve(mm: MemoryManagement, file: HostFile, { inode, size }: FileStatus): PreservedMemfd {
    const undo = new Undo();
    try {
      mm.inodes.freeze(inode);
      undo.add(() => mm.inodes.unfreeze(inode));
      const memory = preserveMemory(mm, file, { inode, size }, undo);
      const tree = mm.kho.memory.allocateFolio(0);
      undo.add(() => tree.put());
      mm.kho.preserveFolio(tree.pfn, tree.order);
      undo.add(() => mm.kho.unpreserveFolio(tree.pfn, tree.order));
      const preserved = new PreservedMemfd(mm, file, size, memory, tree, undo);
      preserved.#writeTree();
      return preserved;
    } catch (error) {
      undo.run();
      throw error;
    }
  }

  get data(): bigint {
    return BigInt(this.#tree.address);
  }

  unpreserve(): void {
    this.#undo.run();
  }

  /** Takes the position of now: programs moved it after they preserved the file (measured on Linux 7.3). */
  freeze(): void {
    this.#writeTree();
  }

  #writeTree(): void {
    const tree = encodeMemfd({
      position: this.#mm.hardware.position(this.#file.descriptor),
      size: this.size,
      region: this.#memory.region.start,
      folioCount: BigInt(this.#memory.folioCount),
      folios: this.#memory.folios,
    });
    this.#tree.bytes.fill(0);
    this.#tree.bytes.set(tree);
  }
}

interface PreservedMemory {
  readonly region: MappedRegion;
  readonly folioCount: number;
  readonly folios: KhoVmalloc | undefined;
}

/** Adds each step back to `undo`. */
function preserveMemory(
  mm: MemoryManagement,
  file: HostFile,
  { inode, size }: Pick<FileStatus, 'inode' | 'size'>,
  undo: Undo,
): PreservedMemory {
  if (size > BigInt(PHYSICAL_ADDRESS_LIMIT)) {
    throw new KernelError('ENOMEM', `Cannot map ${size} bytes: no part of the address space is as large`);
  }
  const bytes = Number(size);
  const region = mm.regions.allocate(regionPages(size), file);
  undo.add(() => mm.regions.free(region));
  if (bytes === 0) return { region, folioCount: 0, folios: undefined };
  mm.inodes.pin(inode, file.descriptor);
  undo.add(() => mm.inodes.unpin(inode, file.descriptor));
  const blocks = mm.hardware.dataExtents(file.descriptor, bytes).flatMap((extent) => blocksOf(region, extent));
  if (blocks.length === 0) return { region, folioCount: 0, folios: undefined };
  return { region, folioCount: blocks.length, folios: preserveFolios(mm, region, blocks, undo) };
}

function blocksOf(region: MappedRegion, { start, end }: Extent): PageBlock[] {
  return [...foliosOf(region.start + start / PAGE_SIZE, region.start + end / PAGE_SIZE)];
}

function preserveFolios({ kho }: MemoryManagement, region: MappedRegion, blocks: PageBlock[], undo: Undo): KhoVmalloc {
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
    array.setUint64(i * FOLIO_ENTRY_SIZE, encodeFolioDescriptor(pfn, FOLIO_DIRTY | FOLIO_UPTODATE));
    array.setUint64(i * FOLIO_ENTRY_SIZE + 8, BigInt(pfn - region.start));
  }
  const record = kho.preserveVmalloc(array);
  undo.add(() => kho.unpreserveVmalloc(record));
  return record;
}
