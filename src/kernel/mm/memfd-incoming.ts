import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { VmallocArray } from '../kho/vmalloc.js';
import type { IncomingFile } from '../liveupdate/handler.js';
import { peekPreserved, restorePreserved } from '../liveupdate/restore.js';
import { addressOf } from '../units.js';
import {
  decodeFolioEntry,
  decodeMemfd,
  FOLIO_ENTRY_SIZE,
  type FolioEntry,
  type MemfdRecord,
  regionPages,
} from './memfd-abi.js';
import type { MemoryManagement } from './memory-management.js';
import type { MappedRegion } from './region.js';

/** The largest offset in a file (`MAX_LFS_FILESIZE`). */
const MAX_POSITION = 2n ** 63n - 1n;

const WHAT = 'the devicetree of a memfd';

/** A memfd that the last kernel preserved. What it left is read once, when it is first asked for. */
export class IncomingMemfd implements IncomingFile {
  readonly #mm: MemoryManagement;
  readonly #data: bigint;
  #record: MemfdRecord | undefined;
  #region: MappedRegion | undefined;
  #failure: unknown;
  #read = false;

  /** @param data the address of the devicetree */
  constructor(mm: MemoryManagement, data: bigint) {
    this.#mm = mm;
    this.#data = data;
  }

  /** Looked up in what the last kernel left, which stays as it is. */
  get size(): bigint | undefined {
    if (this.#read) return this.#record?.size;
    const { kho } = this.#mm;
    try {
      return decodeMemfd(peekPreserved(kho, this.#data, WHAT)).size;
    } catch (error) {
      if (error instanceof KernelError) return undefined;
      throw error;
    }
  }

  /**
   * A new open file description of the very memory that was preserved.
   *
   * @throws KernelError EINVAL where what the last kernel left does not hold together, and what the hardware refuses
   */
  retrieve(): File {
    const { record, region } = this.#load();
    const { hardware, files } = this.#mm;
    const descriptor = hardware.reopen(region.file.descriptor, record.position);
    this.#release();
    return new HostFile(files, hardware, descriptor);
  }

  finish(retrieved: boolean): void {
    if (retrieved) return;
    try {
      this.#load();
    } catch (error) {
      // The state is unreadable. What was found of it before is still let go of.
      if (!(error instanceof KernelError)) throw error;
    }
    this.#release();
  }

  #release(): void {
    if (this.#region) this.#mm.regions.free(this.#region);
    this.#region = undefined;
  }

  #load(): { record: MemfdRecord; region: MappedRegion } {
    if (!this.#read) {
      this.#read = true;
      try {
        this.#restore();
      } catch (error) {
        this.#failure = error;
      }
    }
    if (this.#failure !== undefined || this.#record === undefined || this.#region === undefined) throw this.#failure;
    return { record: this.#record, region: this.#region };
  }

  #restore(): void {
    const { kho, regions } = this.#mm;
    const tree = restorePreserved(kho, this.#data, WHAT);
    let record: MemfdRecord;
    try {
      record = decodeMemfd(tree.bytes);
    } finally {
      tree.put();
    }
    if (record.position > MAX_POSITION) throw corrupt(`no file can be read at ${record.position}`);
    const region = regions.claim(record.region, regionPages(record.size));
    if (region === undefined) throw corrupt(`no region of ${record.size} bytes is at page ${record.region}`);
    this.#region = region;
    this.#restoreFolios(record, region);
    this.#record = record;
  }

  #restoreFolios({ folios, folioCount }: MemfdRecord, region: MappedRegion): void {
    if (folios === undefined) return;
    const { kho } = this.#mm;
    const array = kho.restoreVmalloc(folios);
    try {
      if (folioCount * BigInt(FOLIO_ENTRY_SIZE) > BigInt(array.byteLength)) {
        throw corrupt(`${folioCount} folios do not fit into an array of ${array.byteLength} bytes`);
      }
      // First all checks, so that a bad entry finds all folios as they were.
      const entries = entriesOf(array, Number(folioCount));
      let next = 0;
      for (const entry of entries) next = this.#check(entry, region, next);
      for (const { pfn } of entries) kho.restoreFolio(addressOf(pfn));
    } finally {
      array.free();
    }
  }

  /** @returns the page of the file after the folio */
  #check({ pfn, index }: FolioEntry, region: MappedRegion, next: number): number {
    if (index !== BigInt(pfn - region.start) || index < BigInt(next)) {
      throw corrupt(`page ${pfn} cannot be page ${index} of the file at page ${region.start}`);
    }
    const preserved = this.#mm.kho.isPreserved(addressOf(pfn));
    if (preserved === undefined) throw corrupt(`page ${pfn} was not preserved`);
    const end = Number(index) + 2 ** preserved.order;
    if (end > region.pages) throw corrupt(`the folio at page ${pfn} ends after the file`);
    return end;
  }
}

function entriesOf(array: VmallocArray, count: number): FolioEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const offset = i * FOLIO_ENTRY_SIZE;
    return decodeFolioEntry(array.getUint64(offset), array.getUint64(offset + 8));
  });
}

function corrupt(detail: string): KernelError {
  return new KernelError('EINVAL', `Cannot restore a memfd: ${detail}`);
}
