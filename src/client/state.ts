import { MAX_MAPPED_LENGTH } from '../host/mapped-array.js';
import { LiveUpdateError } from './error.js';
import { takeBuffers } from './incoming-state.js';
import { LiveUpdate } from './live-update.js';
import { newIndex, OutgoingState } from './outgoing-state.js';
import type { LiveUpdateSession } from './session.js';
import { StateBuffer } from './state-buffer.js';
import { PersistentStateError } from './state-error.js';

/** What a program has in its hands already. */
export interface PersistentStateOptions {
  /** The device, where the program has it open: only one can. It stays the caller's. */
  readonly liveUpdate?: LiveUpdate;
  /** The session that the last generation left, where the program has retrieved it, or `session` of an error. */
  readonly session?: LiveUpdateSession;
}

/**
 * Buffers by name, which the next generation of a program finds again:
 *
 *     const state = PersistentState.open('cache');
 *     const values = state.get('values') ?? state.create('values', 1 << 30);
 *     state.preserve();
 *
 * From the first `preserve()` on, all of it passes at any live update, also what is created later, and what is written
 * later. It is a session of the same name: token 0 is the index, each other token a memfd, which takes one descriptor.
 */
export class PersistentState {
  readonly #buffers: Map<string, StateBuffer>;
  readonly #given: LiveUpdate | undefined;
  #outgoing: OutgoingState | undefined;
  /** Whether the session holds files that no key leads to any more. */
  #hasSurplus = false;
  #isOpen = true;

  private constructor(
    /** The name of the session. */
    readonly name: string,
    /** Whether the last generation left nothing. */
    readonly isNew: boolean,
    buffers: Map<string, StateBuffer>,
    given: LiveUpdate | undefined,
  ) {
    this.#buffers = buffers;
    this.#given = given;
  }

  /**
   * Finds what the last generation preserved, or starts empty. What was found is preserved again at once, so that the
   * kernel holds it but for some microseconds; where that cannot be done, `isPreserved` is false and `preserve()` tells
   * why.
   *
   * @param name 1 to 63 bytes of UTF-8 (v5 series: 55)
   * @throws LiveUpdateError where the device cannot be opened, or the session retrieved
   * @throws PersistentStateError where there is something that cannot be read. Nothing is lost by it: the error has the
   * session
   */
  static open(name: string, { liveUpdate, session }: PersistentStateOptions = {}): PersistentState {
    const device = liveUpdate ?? LiveUpdate.open();
    try {
      const incoming = session ?? retrieveIfThere(device, name);
      const buffers = incoming === undefined ? new Map<string, StateBuffer>() : takeBuffers(incoming);
      const state = new PersistentState(name, incoming === undefined, buffers, liveUpdate);
      if (incoming !== undefined) state.#tryToPreserve(device);
      return state;
    } finally {
      if (device !== liveUpdate) device.close();
    }
  }

  /** Whether it passes at a live update. */
  get isPreserved(): boolean {
    return this.#outgoing !== undefined;
  }

  /** In the order in which they were created. */
  keys(): string[] {
    this.#check('tell the keys of');
    return [...this.#buffers.keys()];
  }

  /**
   * A buffer, or undefined where there is none: the same array each time. It begins at a page, so that every kind of
   * array can be made of its `buffer`. It stays good after `delete` and `close`, and then does not pass.
   */
  get(key: string): Uint8Array | undefined {
    this.#check('use');
    return this.#buffers.get(key)?.array;
  }

  /**
   * Makes a buffer of zeros, whose length is final: the kernel does not let a preserved file grow.
   *
   * @param byteLength at most 4 GiB
   * @throws PersistentStateError `ERR_STATE_KEY_EXISTS`
   * @throws LiveUpdateError where the kernel refuses it (`ENOSPC`: 128 files in the v5 series; `EMFILE`, `ENOMEM`); all
   * that was there is as before
   */
  create(key: string, byteLength: number): Uint8Array {
    this.#check('create a buffer of');
    const what = `Cannot create buffer ${JSON.stringify(key)} of state "${this.name}"`;
    if (typeof key !== 'string') throw new TypeError(`${what}: a key is a string`);
    if (!Number.isSafeInteger(byteLength) || byteLength < 0 || byteLength > MAX_MAPPED_LENGTH)
      throw new RangeError(`${what}: ${byteLength} bytes are no whole number from 0 to 2^32; use several buffers`);
    if (this.#buffers.has(key)) throw new PersistentStateError('ERR_STATE_KEY_EXISTS', `${what}: there is one`);
    const { isPreserved } = this;
    const buffer = StateBuffer.create(byteLength);
    try {
      const { array } = buffer;
      this.#buffers.set(key, buffer);
      if (this.#outgoing !== undefined) this.#preserveOne(this.#outgoing, buffer);
      return array;
    } catch (error) {
      this.#buffers.delete(key);
      buffer.memfd.close();
      if (isPreserved && !this.isPreserved) this.#preserveAgain();
      throw error;
    }
  }

  /**
   * Takes a buffer out. The kernel holds its memory until `preserve()` is called again, or until the next generation.
   *
   * @returns whether there was one
   */
  delete(key: string): boolean {
    this.#check('delete a buffer of');
    const buffer = this.#buffers.get(key);
    if (buffer === undefined) return false;
    this.#buffers.delete(key);
    buffer.memfd.close();
    if (this.#outgoing !== undefined) {
      this.#hasSurplus = true;
      // A shorter index always has room.
      this.#outgoing.record(this.#buffers);
    }
    return true;
  }

  /**
   * From here on, all of it passes at a live update. A second call does nothing, unless buffers were deleted: then the
   * kernel lets go of their memory, and for a moment holds nothing, since only closing a session lets go of a file.
   *
   * @throws LiveUpdateError `EBUSY` where another program has the device open, `EEXIST` where another has this state,
   * and what `LiveUpdateSession.preserve` says. Buffers stay as they are; `isPreserved` tells whether they pass
   */
  preserve(): void {
    this.#check('preserve');
    if (this.#outgoing !== undefined && !this.#hasSurplus) return;
    this.#preserveAll();
  }

  /** Lets go of everything: nothing passes any more. A second call does nothing. */
  close(): void {
    this.#isOpen = false;
    this.#outgoing?.close();
    this.#outgoing = undefined;
    for (const { memfd } of this.#buffers.values()) memfd.close();
    this.#buffers.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #preserveOne(outgoing: OutgoingState, buffer: StateBuffer): void {
    outgoing.add(buffer);
    if (outgoing.record(this.#buffers)) return;
    this.#hasSurplus = true;
    this.#preserveAll();
  }

  #preserveAll(): void {
    // First what may fail: while the device cannot be opened, the session that there is stays.
    const device = this.#given?.isOpen ? this.#given : LiveUpdate.open();
    try {
      this.#preserveBy(device);
    } finally {
      if (device !== this.#given) device.close();
    }
  }

  #preserveBy(device: LiveUpdate): void {
    // This may fail, too. The new session then has the descriptor of the old one.
    using index = newIndex(this.#buffers);
    this.#outgoing?.close();
    this.#outgoing = undefined;
    this.#outgoing = OutgoingState.create(device, this.name, this.#buffers, index);
    this.#hasSurplus = false;
  }

  /** What was preserved until something new could not be. Where this fails, too, `isPreserved` tells. */
  #preserveAgain(): void {
    try {
      this.#preserveAll();
    } catch (error) {
      if (!(error instanceof LiveUpdateError)) throw error;
    }
  }

  #tryToPreserve(device: LiveUpdate): void {
    try {
      this.#preserveBy(device);
    } catch (error) {
      // The program calls preserve(), which tries again and throws what is wrong.
      if (!(error instanceof LiveUpdateError)) throw error;
    }
  }

  #check(action: string): void {
    if (this.#isOpen) return;
    throw new PersistentStateError('ERR_STATE_CLOSED', `Cannot ${action} state "${this.name}": it was closed`);
  }
}

function retrieveIfThere(device: LiveUpdate, name: string): LiveUpdateSession | undefined {
  try {
    return device.retrieveSession(name);
  } catch (error) {
    if (error instanceof LiveUpdateError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
