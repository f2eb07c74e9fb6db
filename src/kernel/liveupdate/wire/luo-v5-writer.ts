import { KernelError } from '../../error.js';
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
import { BlockChain } from './block-chain.js';
import { FLB_HEADER_SIZE, MAX_FLBS, SESSION_SIZE, writeHead, writeSession } from './luo-v5-layout.js';
import { PreservedTable } from './preserved-table.js';
import { FILE_SIZE, FLB_SIZE, writeFile, writeFlb } from './records.js';

/** Prepares LUO's state for the next kernel in the format `luo-v5`. */
export class LuoV5Writer implements OutgoingState {
  readonly #kho: Kho;
  readonly #number: bigint;
  readonly #head: PreservedTable;
  readonly #flbs: PreservedTable;
  readonly #sessions: BlockChain;

  /**
   * @param number the `liveupdate-number` of the next kernel
   * @throws KernelError ENOMEM; nothing is kept then
   */
  constructor(kho: Kho, number: bigint) {
    this.#kho = kho;
    this.#number = number;
    this.#head = new PreservedTable(kho, { pages: 1, grows: false });
    this.#flbs = new PreservedTable(kho, { pages: 1, grows: false });
    this.#sessions = new BlockChain(kho, SESSION_SIZE);
    try {
      this.#head.reserve(1);
      this.#flbs.reserve(1);
      kho.addSubtree(LUO_SUBTREE, folioOf(this.#head).address);
    } catch (error) {
      this.#flbs.free();
      this.#head.free();
      throw error;
    }
  }

  get pages(): number {
    return this.#head.pages + this.#flbs.pages + this.#sessions.pages;
  }

  /** @throws KernelError ENOMEM, and ENOSPC for more than 510,000 sessions */
  reserve(count: number): void {
    if (this.#sessions.reserve(count)) return;
    throw new KernelError('ENOSPC', `Cannot add a session: there is room for ${count - 1}`);
  }

  reserveFlbs(count: number): void {
    if (count <= MAX_FLBS) return;
    throw new KernelError('ENOSPC', `Cannot add an object bound to files: there is room for ${MAX_FLBS}`);
  }

  newFileTable(): FileTable {
    return new LuoV5FileTable(this.#kho);
  }

  write(sessions: readonly SessionToWrite[], flbs: readonly FlbRecord[]): void {
    this.#sessions.write(sessions, (view, offset, { name, table }) => {
      if (!(table instanceof LuoV5FileTable)) throw new TypeError('Cannot write a table of another format');
      writeSession(view, offset, { name, files: table.head, count: BigInt(table.count) });
    });
    const flbPage = folioOf(this.#flbs);
    flbPage.bytes.fill(0);
    flbPage.view.setBigUint64(0, BigInt(this.#flbs.pages), true);
    flbPage.view.setBigUint64(8, BigInt(flbs.length), true);
    for (const [i, flb] of flbs.entries()) writeFlb(flbPage.view, FLB_HEADER_SIZE + i * FLB_SIZE, flb);
    writeHead(folioOf(this.#head).view, {
      number: this.#number,
      sessions: this.#sessions.head,
      flbs: BigInt(flbPage.address),
    });
  }
}

class LuoV5FileTable implements FileTable {
  readonly #chain: BlockChain;
  #count = 0;

  constructor(kho: Kho) {
    this.#chain = new BlockChain(kho, FILE_SIZE);
  }

  get head(): bigint {
    return this.#chain.head;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws KernelError ENOMEM, and ENOSPC for more than 630,000 files */
  reserve(count: number): void {
    if (this.#chain.reserve(count)) return;
    throw new KernelError('ENOSPC', `there is room for ${count - 1} files in a session`);
  }

  write(files: readonly FileRecord[]): void {
    this.#chain.write(files, writeFile);
    this.#count = files.length;
  }

  free(): void {
    this.#count = 0;
    this.#chain.free();
  }
}

/** The memory of a table that the constructor filled. */
function folioOf(table: PreservedTable): Folio {
  if (table.folio === undefined) throw new Error('Cannot write the handover: its memory was freed');
  return table.folio;
}
