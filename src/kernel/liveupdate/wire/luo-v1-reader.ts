import { KernelError } from '../../error.js';
import { FdtError, type FdtNode, propertyString, propertyU64 } from '../../kho/fdt.js';
import { FdtReader } from '../../kho/fdt-reader.js';
import type { Folio } from '../../kho/folio.js';
import type { Kho } from '../../kho/kho.js';
import type { PhysicalAddress } from '../../units.js';
import type { FileRecord, FlbRecord, IncomingState, SessionRecord } from '../abi.js';
import { restorePreserved } from '../restore.js';
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
  readSession,
  sessionSize,
  sessionVersions,
} from './luo-v1-layout.js';
import { FILE_SIZE, FLB_SIZE, readFile, readFlb } from './records.js';

type SessionEntry = ReturnType<typeof readSession>;

/** LUO's state as the last kernel left it in the format `luo-v1`. */
export class LuoV1Reader implements IncomingState {
  readonly #kho: Kho;
  readonly #head: bigint;
  readonly #nameLength: number;
  readonly #flbHead: bigint;

  private constructor(
    kho: Kho,
    readonly number: bigint,
    head: bigint,
    nameLength: number,
    flbHead: bigint,
  ) {
    this.#kho = kho;
    this.#head = head;
    this.#nameLength = nameLength;
    this.#flbHead = flbHead;
  }

  /**
   * Reads the devicetree and frees its page.
   *
   * @throws KernelError EINVAL where it is no devicetree of this format
   */
  static open(kho: Kho, tree: PhysicalAddress): LuoV1Reader {
    const folio = restorePreserved(kho, BigInt(tree), "LUO's devicetree");
    try {
      const root = FdtReader.parse(folio.bytes);
      expectCompatible(root, (compatible) => compatible === COMPATIBLE);
      const sessions = childOf(root, NODE_SESSION);
      const flbs = childOf(root, NODE_FLB);
      expectCompatible(flbs, (compatible) => compatible === FLB_COMPATIBLE);
      const version = expectCompatible(sessions, (compatible) => sessionVersions.has(compatible));
      return new LuoV1Reader(
        kho,
        propertyU64(root, PROPERTY_NUMBER),
        propertyU64(sessions, PROPERTY_SESSION_HEAD),
        sessionVersions.get(version) ?? 0,
        propertyU64(flbs, PROPERTY_FLB_HEAD),
      );
    } catch (error) {
      if (!(error instanceof FdtError)) throw error;
      throw new KernelError('EINVAL', `Cannot read LUO's devicetree: ${error.message}`);
    } finally {
      folio.put();
    }
  }

  readSessions(): SessionRecord[] {
    const entries = this.#readTable();
    const records: SessionRecord[] = [];
    let failure: unknown;
    // The tables of all sessions are freed, even when one of them cannot be read.
    for (const entry of entries) {
      try {
        records.push({ name: entry.name, files: this.#readFiles(entry, `the files of session ${entry.name}`) });
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return records;
  }

  readFlbs(): FlbRecord[] {
    const what = 'the table of objects bound to files';
    const folio = restorePreserved(this.#kho, this.#flbHead, what);
    try {
      const count = expectHeader(folio, FLB_SIZE, what);
      const flbs = new Map<string, FlbRecord>();
      for (let i = 0; i < count; i += 1) {
        const flb = readFlb(folio.view, HEADER_SIZE + i * FLB_SIZE);
        if (flbs.has(flb.compatible)) {
          throw new KernelError('EINVAL', `Cannot read ${what}: two are called "${flb.compatible}"`);
        }
        flbs.set(flb.compatible, flb);
      }
      return [...flbs.values()];
    } finally {
      folio.put();
    }
  }

  #readTable(): SessionEntry[] {
    const what = 'the table of sessions';
    const folio = restorePreserved(this.#kho, this.#head, what);
    try {
      const count = expectHeader(folio, sessionSize(this.#nameLength), what);
      const entries = new Map<string, SessionEntry>();
      for (let i = 0; i < count; i += 1) {
        const entry = readSession(folio.view, HEADER_SIZE + i * sessionSize(this.#nameLength), this.#nameLength);
        if (entries.has(entry.name.key)) {
          throw new KernelError('EINVAL', `Cannot read ${what}: there are two sessions ${entry.name}`);
        }
        entries.set(entry.name.key, entry);
      }
      return [...entries.values()];
    } finally {
      folio.put();
    }
  }

  #readFiles({ address, pages, count }: FilesPointer, what: string): FileRecord[] {
    if (address === 0n && pages === 0n && count === 0n) return [];
    const folio = restorePreserved(this.#kho, address, what);
    try {
      expectPages(folio, pages, what);
      const number = expectCount(folio, 0, FILE_SIZE, count, what);
      const files = new Map<bigint, FileRecord>();
      for (let i = 0; i < number; i += 1) {
        const file = readFile(folio.view, i * FILE_SIZE);
        if (files.has(file.token)) {
          throw new KernelError('EINVAL', `Cannot read ${what}: two have the token 0x${file.token.toString(16)}`);
        }
        files.set(file.token, file);
      }
      return [...files.values()];
    } finally {
      folio.put();
    }
  }
}

/** @throws FdtError where there is none */
function childOf(node: FdtNode, name: string): FdtNode {
  const child = node.child(name);
  if (child === undefined) throw new FdtError(`Cannot find node "${name}"`);
  return child;
}

function expectCompatible(node: FdtNode, knows: (compatible: string) => boolean): string {
  const compatible = propertyString(node, 'compatible');
  if (knows(compatible)) return compatible;
  throw new FdtError(`Cannot read node "${node.name}": it is compatible with "${compatible}" only`);
}

/** @returns how many records of a size come after the header */
function expectHeader(folio: Folio, recordSize: number, what: string): number {
  expectPages(folio, folio.view.getBigUint64(0, true), what);
  return expectCount(folio, HEADER_SIZE, recordSize, folio.view.getBigUint64(8, true), what);
}

function expectPages(folio: Folio, pages: bigint, what: string): void {
  if (pages === BigInt(2 ** folio.order)) return;
  throw new KernelError(
    'EINVAL',
    `Cannot read ${what}: it says that it has ${pages} pages, but ${2 ** folio.order} were preserved at its address`,
  );
}

/** How many records a table has, after a check that they fit into it. */
function expectCount(folio: Folio, start: number, recordSize: number, count: bigint, what: string): number {
  const most = Math.floor((folio.bytes.length - start) / recordSize);
  if (count <= BigInt(most)) return Number(count);
  throw new KernelError('EINVAL', `Cannot read ${what}: it says that it has ${count} records, but ${most} fit`);
}
