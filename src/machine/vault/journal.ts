/**
 * The journal of a machine: a memfd in its vault, a JSON text a line. A line is there before the program learns of what
 * it tells, so that what the program was told is true after a crash.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { createMemory, writeBytes } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { HeldState, type JournalRecord } from './held-state.js';

/** A journal shorter than this is not worth being written anew. Bytes. */
const SHORT = 1 << 20;
/** How much longer than the fewest records it may become. */
const GROWTH = 4;

export class Journal {
  readonly descriptor: number;
  #length = 0;
  #limit = SHORT;

  /** @throws SystemError where there is no room for it */
  constructor(records: Iterable<JournalRecord>) {
    this.descriptor = createMemory('luo-journal', false);
    this.append(...records);
    this.#limit = Math.max(SHORT, this.#length * GROWTH);
  }

  /** Whether it has grown so much that it should be written anew. */
  get isLong(): boolean {
    return this.#length > this.#limit;
  }

  /** @throws SystemError where the host has no memory left */
  append(...records: readonly JournalRecord[]): void {
    if (records.length === 0) return;
    const bytes = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    for (let done = 0; done < bytes.length; ) {
      const count = writeBytes(this.descriptor, bytes.subarray(done), BigInt(this.#length + done));
      if (count <= 0) throw new SystemError('write of the journal', -count);
      done += count;
    }
    this.#length += bytes.length;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** The sum of a journal. A line that was not finished is not there. */
export function readJournal(descriptor: number): HeldState {
  const bytes = Buffer.alloc(fstatSync(descriptor).size);
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, bytes.length - done, done);
    if (count === 0) break;
    done += count;
  }
  const state = new HeldState();
  const lines = bytes.toString('utf8').split('\n');
  // The last one ends with the text: it is empty, or half a line.
  for (const line of lines.slice(0, -1)) {
    // Only a machine writes there.
    state.apply(JSON.parse(line) as JournalRecord);
  }
  return state;
}
