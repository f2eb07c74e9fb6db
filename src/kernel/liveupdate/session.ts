import { KernelError } from '../error.js';
import type { FileTable as DescriptorTable, File } from '../fs/file.js';
import type { FileRecord, FileTable } from './abi.js';
import type { LiveUpdateSession, SessionType } from './handler.js';
import { IncomingFiles } from './incoming-files.js';
import type { SessionName } from './name.js';
import { hex, type LiveUpdateParts, OutgoingFiles } from './outgoing-files.js';

/**
 * A named group of files that pass a live update together (`struct luo_session`).
 *
 * Each session has files of its own type only, but for the v5 series, which adds to incoming sessions as to others.
 */
export class Session implements LiveUpdateSession {
  readonly outgoing: OutgoingFiles;
  readonly incoming: IncomingFiles;
  /** Whether a program has a descriptor for this incoming session, or had one that could not be finished. */
  retrieved = false;
  /** Whether it was finished, by FINISH or as its descriptor was closed. */
  finished = false;
  readonly #parts: LiveUpdateParts;

  /**
   * @param table memory for the files that the session preserves
   * @param records the files that the last kernel left in it
   * @throws KernelError ENOENT for a record that no handler knows
   */
  constructor(
    parts: LiveUpdateParts,
    readonly type: SessionType,
    readonly name: SessionName,
    table: FileTable,
    records: readonly FileRecord[] = [],
  ) {
    this.#parts = parts;
    this.outgoing = new OutgoingFiles(parts, this, table);
    this.incoming = new IncomingFiles(parts, this);
    this.incoming.adopt(records);
  }

  /**
   * PRESERVE_FD.
   *
   * @throws KernelError EEXIST for a token that the session has, before all that `OutgoingFiles.preserve` says
   */
  preserveFd(token: bigint, fd: number, descriptors: DescriptorTable): void {
    if (this.outgoing.has(token) || this.incoming.has(token)) {
      throw new KernelError(
        'EEXIST',
        `Cannot preserve fd ${fd} as token ${hex(token)} in session ${this.name}: the token is used already`,
      );
    }
    this.#checkNotFrozen(`preserve fd ${fd} as token ${hex(token)} in session ${this.name}`);
    const file = this.outgoing.preserve(token, fd, descriptors);
    this.#parts.onlookers.ledger?.preserved(this, { token, ...file });
  }

  /**
   * Lets go of one file that this kernel preserved.
   *
   * @throws KernelError EBUSY where the session is frozen, ENOENT for a token that it does not preserve
   */
  unpreserveFd(token: bigint): void {
    const what = `let go of token ${hex(token)} in session ${this.name}`;
    this.#checkNotFrozen(what);
    if (this.outgoing.unpreserve(token)) {
      this.#parts.onlookers.ledger?.unpreserved(this, token);
      return;
    }
    throw new KernelError('ENOENT', `Cannot ${what}: it is not preserved here`);
  }

  /**
   * RETRIEVE_FD. What was preserved by this kernel is not there for it: it can be retrieved by the next one.
   *
   * @returns the open file with a reference for the caller
   * @throws KernelError as `IncomingFiles.retrieve`
   */
  retrieveFd(token: bigint): File {
    return this.incoming.retrieve(token).get();
  }

  /**
   * FINISH. The session keeps its name until its descriptor is closed (measured on Linux 7.3).
   *
   * @throws KernelError EBUSY where a file cannot be finished yet; nothing has changed then
   */
  finish(): void {
    this.#letGo();
    this.#parts.onlookers.ledger?.finished(this);
  }

  /**
   * What happens when the last descriptor is closed.
   *
   * @returns whether the session is gone; an incoming one stays, out of reach, where a file cannot be finished
   */
  close(): boolean {
    try {
      this.#letGo();
      return true;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#parts.log('warning', `Cannot finish session ${this.name} as its descriptor is closed: ${error.message}`);
      return false;
    }
  }

  #letGo(): void {
    this.incoming.finish();
    this.finished = true;
    this.outgoing.unfreeze();
    this.outgoing.unpreserveAll();
  }

  #checkNotFrozen(what: string): void {
    if (!this.outgoing.isFrozen) return;
    throw new KernelError('EBUSY', `Cannot ${what}: the session is frozen; cancel that first`);
  }
}
