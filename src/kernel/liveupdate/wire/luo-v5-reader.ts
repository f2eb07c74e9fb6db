import { KernelError } from '../../error.js';
import type { Folio } from '../../kho/folio.js';
import type { Kho } from '../../kho/kho.js';
import type { PhysicalAddress } from '../../units.js';
import type { FileRecord, FlbRecord, IncomingState, SessionRecord } from '../abi.js';
import { restorePreserved } from '../restore.js';
import { readBlockChain } from './block-chain.js';
import { formatNameIn } from './format-name.js';
import {
  COMPATIBLE,
  FLB_HEADER_SIZE,
  type Head,
  MAX_FLBS,
  readHead,
  readSession,
  SESSION_SIZE,
  type SessionEntry,
} from './luo-v5-layout.js';
import { FILE_SIZE, FLB_SIZE, readFile, readFlb } from './records.js';

/** What the last kernel wrote in the format `luo-v5`. */
export class LuoV5Reader implements IncomingState {
  readonly #kho: Kho;
  readonly #head: Head;

  private constructor(kho: Kho, head: Head) {
    this.#kho = kho;
    this.#head = head;
  }

  /**
   * Reads the page that all else hangs from, and frees it.
   *
   * @throws KernelError EINVAL where it is not there, or not of this format
   */
  static open(kho: Kho, address: PhysicalAddress): LuoV5Reader {
    const what = 'the state of the last kernel';
    const folio = restorePreserved(kho, BigInt(address), what);
    try {
      const format = formatNameIn(folio.bytes);
      if (format !== COMPATIBLE) throw corrupt(what, `its format is "${format}" and not "${COMPATIBLE}"`);
      return new LuoV5Reader(kho, readHead(folio.view));
    } finally {
      folio.put();
    }
  }

  get number(): bigint {
    return this.#head.number;
  }

  readSessions(): SessionRecord[] {
    const what = 'the table of sessions';
    const entries = readBlockChain(this.#kho, this.#head.sessions, SESSION_SIZE, what, readSession);
    const twice = firstTwice(entries, ({ name }) => name.key);
    if (twice !== undefined) throw corrupt(what, `there are two sessions ${twice.name}`);
    return entries.map((entry) => ({ name: entry.name, files: this.#readFiles(entry) }));
  }

  readFlbs(): FlbRecord[] {
    if (this.#head.flbs === 0n) return [];
    const what = 'the table of objects bound to files';
    const folio = restorePreserved(this.#kho, this.#head.flbs, what);
    try {
      const flbs = Array.from({ length: countOfFlbs(folio, what) }, (_, i) =>
        readFlb(folio.view, FLB_HEADER_SIZE + i * FLB_SIZE),
      );
      const twice = firstTwice(flbs, ({ compatible }) => compatible);
      if (twice !== undefined) throw corrupt(what, `two are called "${twice.compatible}"`);
      return flbs;
    } finally {
      folio.put();
    }
  }

  #readFiles({ name, files: head, count }: SessionEntry): FileRecord[] {
    const what = `the files of session ${name}`;
    const files = readBlockChain(this.#kho, head, FILE_SIZE, what, readFile);
    if (BigInt(files.length) !== count) {
      throw corrupt(what, `the table of sessions says that there are ${count}, and the chain has ${files.length}`);
    }
    const twice = firstTwice(files, ({ token }) => token);
    if (twice !== undefined) throw corrupt(what, `two have the token 0x${twice.token.toString(16)}`);
    return files;
  }
}

/** How many objects the page says that it has, after a check that they fit. */
function countOfFlbs({ order, view }: Folio, what: string): number {
  const pages = view.getBigUint64(0, true);
  if (order !== 0 || pages !== 1n) {
    throw corrupt(what, `it says that it has ${pages} pages, ${2 ** order} were preserved, and the format has one`);
  }
  const count = view.getBigUint64(8, true);
  if (count <= BigInt(MAX_FLBS)) return Number(count);
  throw corrupt(what, `it says that it has ${count} records, but ${MAX_FLBS} fit`);
}

/** The first record that has the key of one before it. */
function firstTwice<Record>(records: readonly Record[], keyOf: (record: Record) => unknown): Record | undefined {
  const seen = new Set<unknown>();
  return records.find((record) => seen.size === seen.add(keyOf(record)).size);
}

function corrupt(what: string, why: string): KernelError {
  return new KernelError('EINVAL', `Cannot read ${what}: ${why}`);
}
