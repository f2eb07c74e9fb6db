import { KernelError } from '../../error.js';
import { FdtWriter } from '../../kho/fdt-writer.js';
import type { Folio } from '../../kho/folio.js';
import type { Kho } from '../../kho/kho.js';
import {
  type FileRecord,
  type FileTable,
  type FlbRecord,
  LUO_SUBTREE,
  type OutgoingState,
  type SessionToWrite,
} from '../abi.js';
import type { Rules } from '../profile.js';
import {
  COMPATIBLE,
  type FilesPointer,
  FLB_COMPATIBLE,
  HEADER_SIZE,
  NODE_FLB,
  NODE_SESSION,
  PROPERTY_FLB_HEAD,
  PROPERTY_NUMBER,
  PROPERTY_SESSION_HEAD,
  sessionSize,
  sessionVersions,
  writeSession,
} from './luo-v1-layout.js';
import { PreservedTable } from './preserved-table.js';
import { FILE_SIZE, FLB_SIZE, writeFile, writeFlb } from './records.js';

/** Prepares LUO's state for the next kernel in the format `luo-v1`. */
export class LuoV1Writer implements OutgoingState {
  readonly #kho: Kho;
  readonly #rules: Rules;
  readonly #number: bigint;
  readonly #tree: PreservedTable;
  readonly #sessions: PreservedTable;
  readonly #flbs: PreservedTable;

  /**
   * @param number the `liveupdate-number` of the next kernel
   * @throws KernelError ENOMEM; nothing is kept then
   */
  constructor(kho: Kho, rules: Rules, number: bigint) {
    this.#kho = kho;
    this.#rules = rules;
    this.#number = number;
    this.#tree = new PreservedTable(kho, { pages: 1, grows: false });
    this.#sessions = new PreservedTable(kho, rules.sessionTable);
    this.#flbs = new PreservedTable(kho, { pages: 1, grows: false });
    try {
      this.#tree.reserve(1);
      this.#sessions.reserve(HEADER_SIZE);
      this.#flbs.reserve(HEADER_SIZE);
      kho.addSubtree(LUO_SUBTREE, this.#folio(this.#tree).address);
    } catch (error) {
      this.#flbs.free();
      this.#sessions.free();
      this.#tree.free();
      throw error;
    }
  }

  get pages(): number {
    return this.#tree.pages + this.#sessions.pages + this.#flbs.pages;
  }

  reserve(count: number): void {
    const bytes = HEADER_SIZE + count * sessionSize(this.#rules.nameLength);
    if (this.#sessions.reserve(bytes)) return;
    throw new KernelError('ENOMEM', `Cannot add a session: there is room for ${count - 1}`);
  }

  reserveFlbs(count: number): void {
    if (this.#flbs.reserve(HEADER_SIZE + count * FLB_SIZE)) return;
    throw new KernelError('ENOSPC', `Cannot add an object bound to files: there is room for ${count - 1}`);
  }

  newFileTable(): FileTable {
    return new LuoV1FileTable(new PreservedTable(this.#kho, this.#rules.fileTable));
  }

  write(sessions: readonly SessionToWrite[], flbs: readonly FlbRecord[]): void {
    const folio = this.#begin(this.#sessions, sessions.length);
    for (const [i, { name, table }] of sessions.entries()) {
      if (!(table instanceof LuoV1FileTable)) throw new TypeError('Cannot write a table of another format');
      const offset = HEADER_SIZE + i * sessionSize(this.#rules.nameLength);
      writeSession(folio.view, offset, this.#rules.nameLength, name, table.pointer);
    }
    const flbFolio = this.#begin(this.#flbs, flbs.length);
    for (const [i, flb] of flbs.entries()) writeFlb(flbFolio.view, HEADER_SIZE + i * FLB_SIZE, flb);
    this.#writeTree(BigInt(folio.address), BigInt(flbFolio.address));
  }

  /** An empty table with its header. */
  #begin(table: PreservedTable, count: number): Folio {
    const folio = this.#folio(table);
    folio.bytes.fill(0);
    folio.view.setBigUint64(0, BigInt(table.pages), true);
    folio.view.setBigUint64(8, BigInt(count), true);
    return folio;
  }

  #writeTree(sessions: bigint, flbs: bigint): void {
    const tree = new FdtWriter();
    tree.beginNode('');
    tree.propertyString('compatible', COMPATIBLE);
    tree.propertyU64(PROPERTY_NUMBER, this.#number);
    tree.beginNode(NODE_SESSION);
    tree.propertyString('compatible', this.#sessionCompatible());
    tree.propertyU64(PROPERTY_SESSION_HEAD, sessions);
    tree.endNode();
    tree.beginNode(NODE_FLB);
    tree.propertyString('compatible', FLB_COMPATIBLE);
    tree.propertyU64(PROPERTY_FLB_HEAD, flbs);
    tree.endNode();
    tree.endNode();
    const { bytes } = this.#folio(this.#tree);
    bytes.fill(0);
    bytes.set(tree.finish());
  }

  #sessionCompatible(): string {
    for (const [compatible, length] of sessionVersions) {
      if (length === this.#rules.nameLength) return compatible;
    }
    throw new Error(`Cannot write names of ${this.#rules.nameLength} bytes: no version of the table has them`);
  }

  /** The memory of a table that the constructor filled. */
  #folio(table: PreservedTable): Folio {
    if (table.folio === undefined) throw new Error('Cannot write the handover: its memory was freed');
    return table.folio;
  }
}

class LuoV1FileTable implements FileTable {
  readonly #table: PreservedTable;
  #count = 0;

  constructor(table: PreservedTable) {
    this.#table = table;
  }

  /** Right after `write`. */
  get pointer(): FilesPointer {
    const folio = this.#table.folio;
    if (folio === undefined || this.#count === 0) return { address: 0n, pages: 0n, count: 0n };
    return { address: BigInt(folio.address), pages: BigInt(this.#table.pages), count: BigInt(this.#count) };
  }

  reserve(count: number): void {
    if (this.#table.reserve(count * FILE_SIZE)) return;
    throw new KernelError('ENOSPC', `there is room for ${count - 1} files in a session`);
  }

  write(files: readonly FileRecord[]): void {
    this.#count = files.length;
    const folio = this.#table.folio;
    if (folio === undefined) {
      if (files.length > 0) throw new Error('Cannot write the table of files: no room was made');
      return;
    }
    folio.bytes.fill(0);
    for (const [i, file] of files.entries()) writeFile(folio.view, i * FILE_SIZE, file);
  }

  free(): void {
    this.#count = 0;
    this.#table.free();
  }
}
