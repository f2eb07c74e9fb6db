import { KernelError } from '../error.js';
import type { Folio } from '../kho/folio.js';
import type { HandoverMemory } from '../kho/kho.js';
import { allocatePreserved, freePreserved } from '../kho/preserved-folio.js';
import type { FlbOperations, PreservedObject } from '../liveupdate/flb.js';
import { restorePreserved } from '../liveupdate/restore.js';
import { PAGE_SIZE } from '../units.js';
import { RECORD_SIZE, readEntry, readRecord, type TtyRecord, writeRecord } from './tty-record.js';

const MOST_RECORDS = Math.floor(PAGE_SIZE / RECORD_SIZE);

/** A page with a record for each preserved tty. */
export class TtyTable {
  constructor(readonly page: Folio) {}

  /** @returns where the record is in memory: the handle of the file. @throws KernelError ENOSPC */
  add(record: TtyRecord): bigint {
    for (let index = 0; index < MOST_RECORDS; index++) {
      const bytes = this.#bytes(index);
      if (readRecord(bytes) !== undefined) continue;
      writeRecord(bytes, record);
      return BigInt(this.page.address + index * RECORD_SIZE);
    }
    throw new KernelError('ENOSPC', `Cannot preserve ${record.name}: ${MOST_RECORDS} ttys are preserved already`);
  }

  /** @throws KernelError EINVAL where there is none, or none that holds together */
  at(handle: bigint): TtyRecord {
    const record = readRecord(this.#slot(handle));
    if (record !== undefined) return record;
    throw new KernelError('EINVAL', `Cannot read a preserved tty: none is at 0x${handle.toString(16)}`);
  }

  /** The entry of its open file, whatever the rest of the record is. @throws KernelError EINVAL */
  entryAt(handle: bigint): bigint {
    return readEntry(this.#slot(handle));
  }

  write(handle: bigint, record: TtyRecord): void {
    writeRecord(this.#slot(handle), record);
  }

  remove(handle: bigint): void {
    this.#slot(handle).fill(0);
  }

  /** @throws KernelError EINVAL where one of them does not hold together */
  get all(): TtyRecord[] {
    return Array.from({ length: MOST_RECORDS }, (_, index) => readRecord(this.#bytes(index)) ?? []).flat();
  }

  #slot(handle: bigint): Uint8Array {
    const index = Number(handle - BigInt(this.page.address)) / RECORD_SIZE;
    if (Number.isInteger(index) && index >= 0 && index < MOST_RECORDS) return this.#bytes(index);
    throw new KernelError('EINVAL', `Cannot read a preserved tty: no record begins at 0x${handle.toString(16)}`);
  }

  #bytes(index: number): Uint8Array {
    return this.page.bytes.subarray(index * RECORD_SIZE, (index + 1) * RECORD_SIZE);
  }
}

/**
 * What every preserved tty depends on: the page with their records. Drivers ask for it before they look at their ports,
 * since a port that is looked at loses its lines.
 */
export class TtysFlb implements FlbOperations<TtyTable> {
  readonly compatible = 'ttys-v1';
  readonly #kho: HandoverMemory;

  constructor(kho: HandoverMemory) {
    this.#kho = kho;
  }

  /** @throws KernelError ENOMEM */
  preserve(): PreservedObject<TtyTable> {
    const page = allocatePreserved(this.#kho, 0);
    page.bytes.fill(0);
    return { data: BigInt(page.address), object: new TtyTable(page) };
  }

  unpreserve({ object }: PreservedObject<TtyTable>): void {
    freePreserved(this.#kho, object.page);
  }

  /** @throws KernelError EINVAL where there is no such page */
  retrieve({ data }: { readonly data: bigint }): TtyTable {
    return new TtyTable(restorePreserved(this.#kho, data, 'the preserved ttys'));
  }

  finish({ object }: { readonly object: TtyTable }): void {
    object.page.put();
  }
}
