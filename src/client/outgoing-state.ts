import type { LiveUpdate } from './live-update.js';
import { Memfd } from './memfd.js';
import type { LiveUpdateSession } from './session.js';
import { entriesOf, type StateBuffer } from './state-buffer.js';
import { indexSize, writeIndex } from './state-index.js';

/** The token of the index. Buffers have tokens from 1. */
export const INDEX_TOKEN = 0;

/** Memory for the index of a state. */
export interface StateIndex extends Disposable {
  readonly memfd: Memfd;
  readonly bytes: Uint8Array;
}

/** @throws LiveUpdateError `EMFILE`, `ENOMEM` */
export function newIndex(buffers: ReadonlyMap<string, StateBuffer>): StateIndex {
  const memfd = Memfd.create('luo-state-index', { size: indexSize(entriesOf(buffers)) });
  try {
    return { memfd, bytes: memfd.map(), [Symbol.dispose]: () => memfd.close() };
  } catch (error) {
    memfd.close();
    throw error;
  }
}

/** The session that hands a state over, with its index. */
export class OutgoingState {
  #nextToken = 1;
  #sequence = 0n;
  readonly #index: Uint8Array;

  /** Preserves everything, the index last: a session that has one has every buffer that it names. */
  private constructor(
    readonly session: LiveUpdateSession,
    index: StateIndex,
    buffers: ReadonlyMap<string, StateBuffer>,
  ) {
    this.#index = index.bytes;
    for (const buffer of buffers.values()) this.add(buffer);
    this.record(buffers);
    session.preserve(index.memfd, INDEX_TOKEN);
  }

  /**
   * @param index stays the caller's: the session holds its memory, and so does its array
   * @throws LiveUpdateError, and then nothing is preserved
   */
  static create(
    device: LiveUpdate,
    name: string,
    buffers: ReadonlyMap<string, StateBuffer>,
    index: StateIndex,
  ): OutgoingState {
    const session = device.createSession(name);
    try {
      return new OutgoingState(session, index, buffers);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Preserves one more buffer. The next generation does not know of it before `record`. */
  add(buffer: StateBuffer): void {
    const token = this.#nextToken++;
    this.session.preserve(buffer.memfd, token);
    buffer.token = token;
  }

  /** Writes which buffers there are. Returns false, and the index is as it was, where they are too many for it. */
  record(buffers: ReadonlyMap<string, StateBuffer>): boolean {
    if (!writeIndex(this.#index, this.#sequence + 1n, entriesOf(buffers))) return false;
    this.#sequence++;
    return true;
  }

  close(): void {
    this.session.close();
  }
}
