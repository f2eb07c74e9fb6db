import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { Descriptor } from '../hardware.js';
import type { VmallocArray } from '../kho/vmalloc.js';
import { peekPreserved, restorePreserved } from '../liveupdate/restore.js';
import { addressOf, PAGE_SIZE, type PageFrameNumber, pageFrameNumber } from '../units.js';
import { FOLIO_ENTRY_SIZE, type FolioEntry, type FolioLayout } from './memfd-folios.js';
import { type MemfdFormat, type MemfdRecord, regionPages } from './memfd-format.js';
import type { MemoryManagement } from './memory-management.js';
import type { MappedRegion } from './region.js';
import { restorationOf } from './restored-seals.js';

/** The largest offset in a file (`MAX_LFS_FILESIZE`). */
const MAX_POSITION = 2n ** 63n - 1n;

const WHAT = 'the state of a memfd';

/** A memfd that the last kernel preserved, read and taken over. */
export class IncomingMemfd {
  readonly #mm: MemoryManagement;
  readonly #record: MemfdRecord;
  readonly #region: MappedRegion;

  private constructor(mm: MemoryManagement, record: MemfdRecord, region: MappedRegion) {
    this.#mm = mm;
    this.#record = record;
    this.#region = region;
  }

  /** The state of a file, looked up in what the last kernel left, which stays as it is. */
  static peek({ kho }: MemoryManagement, format: MemfdFormat, data: bigint): MemfdRecord | undefined {
    try {
      return format.decode(peekPreserved(kho, data, WHAT).subarray(0, PAGE_SIZE));
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }

  /**
   * Takes over what the last kernel left. Once only.
   *
   * @param data the handle: the address of the state
   * @throws KernelError EINVAL where it does not hold together; what was found of it is let go of
   */
  static load(mm: MemoryManagement, format: MemfdFormat, data: bigint): IncomingMemfd {
    const record = restoreRecord(mm, format, data);
    const entries = restoreEntries(mm, format.folios, record);
    const start = record.region ?? startOf(entries);
    const region = mm.regions.claim(start, regionPages(record.size));
    if (region === undefined) throw corrupt(`no region of ${record.size} bytes is at page ${start}`);
    try {
      if (record.position > MAX_POSITION) throw corrupt(`no file can be read at ${record.position}`);
      restoreFolios(mm, entries, region, record.order);
    } catch (error) {
      mm.regions.free(region);
      throw error;
    }
    return new IncomingMemfd(mm, record, region);
  }

  get record(): MemfdRecord {
    return this.#record;
  }

  /** The file that was preserved. */
  get file(): HostFile {
    return this.#region.file;
  }

  /**
   * A new open file description of the very memory that was preserved. Only where the inode cannot be what Linux would
   * make, and that is asked for, it is one of a copy.
   *
   * @throws KernelError of the hardware; it can be tried again then
   */
  open(): File {
    const { hardware, files } = this.#mm;
    return new HostFile(files, hardware, this.#reopen());
  }

  #reopen(): Descriptor {
    const { hardware, strict } = this.#mm;
    const { descriptor } = this.#region.file;
    const { position, size, seals } = this.#record;
    if (!strict) return hardware.reopen(descriptor, position);
    const { permissions } = hardware.status(descriptor);
    const restoration = restorationOf(seals, { seals: hardware.seals(descriptor), permissions });
    if (restoration.kind === 'reopen') return hardware.reopen(descriptor, position);
    return hardware.copy(descriptor, { size, position, seals: restoration.seals });
  }

  /** Gives up the place in the address space. */
  release(): void {
    this.#mm.regions.free(this.#region);
  }
}

function restoreRecord({ kho }: MemoryManagement, format: MemfdFormat, data: bigint): MemfdRecord {
  const folio = restorePreserved(kho, data, WHAT);
  try {
    // Every format has one page. A larger folio is no reason to read more.
    return format.decode(folio.bytes.subarray(0, PAGE_SIZE));
  } finally {
    folio.put();
  }
}

function restoreEntries(
  { kho }: MemoryManagement,
  layout: FolioLayout,
  { folios, folioCount }: MemfdRecord,
): FolioEntry[] {
  if (folios === undefined) return [];
  const array = kho.restoreVmalloc(folios);
  try {
    if (folioCount * BigInt(FOLIO_ENTRY_SIZE) > BigInt(array.byteLength)) {
      throw corrupt(`${folioCount} folios do not fit into an array of ${array.byteLength} bytes`);
    }
    return entriesOf(array, Number(folioCount), layout);
  } finally {
    array.free();
  }
}

/**
 * First all checks, so that a bad entry finds all folios as they were.
 *
 * @param order the one that every folio must have, where there is one
 */
function restoreFolios(
  { kho }: MemoryManagement,
  entries: readonly FolioEntry[],
  region: MappedRegion,
  order: number | undefined,
): void {
  let next = 0;
  for (const { pfn, index } of entries) {
    if (index !== BigInt(pfn - region.start) || index < BigInt(next)) {
      throw corrupt(`page ${pfn} cannot be page ${index} of the file at page ${region.start}`);
    }
    const preserved = kho.isPreserved(addressOf(pfn));
    if (preserved === undefined) throw corrupt(`page ${pfn} was not preserved`);
    if (order !== undefined && preserved.order !== order) {
      throw corrupt(`the folio at page ${pfn} has order ${preserved.order} and not ${order}`);
    }
    next = Number(index) + 2 ** preserved.order;
    if (next > region.pages) throw corrupt(`the folio at page ${pfn} ends after the file`);
  }
  for (const { pfn } of entries) kho.restoreFolio(addressOf(pfn));
}

/** Where page 0 of the file is. */
function startOf([first]: readonly FolioEntry[]): PageFrameNumber {
  if (first !== undefined && first.index <= BigInt(first.pfn)) return pageFrameNumber(BigInt(first.pfn) - first.index);
  throw corrupt('no folio says where the file is');
}

function entriesOf(array: VmallocArray, count: number, layout: FolioLayout): FolioEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const offset = i * FOLIO_ENTRY_SIZE;
    return layout.decode(array.getUint64(offset), array.getUint64(offset + 8));
  });
}

function corrupt(detail: string): KernelError {
  return new KernelError('EINVAL', `Cannot restore a memfd: ${detail}`);
}
