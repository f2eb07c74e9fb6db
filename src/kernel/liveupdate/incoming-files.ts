import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import type { FileRecord } from './abi.js';
import type { FileHandler, IncomingFile } from './handler.js';
import type { SessionName } from './name.js';
import { hex, type LiveUpdateParts } from './outgoing-files.js';
import { type FileIdentity, identityOf } from './taken-files.js';

interface IncomingEntry {
  readonly token: bigint;
  readonly handler: FileHandler;
  readonly incoming: IncomingFile;
  /** How the retrieve ended, once it was tried. The session holds a reference of the file. */
  outcome?: { readonly file: File; readonly identity: FileIdentity } | { readonly failure: KernelError };
}

/** The files that the last kernel preserved in a session, by token and in their order (patch 08 of the v5 series). */
export class IncomingFiles {
  readonly #parts: LiveUpdateParts;
  readonly #session: SessionName;
  readonly #files = new Map<bigint, IncomingEntry>();

  /** @throws KernelError ENOENT for a file of a kind that this kernel has no handler for (patch 08) */
  constructor(parts: LiveUpdateParts, session: SessionName, records: readonly FileRecord[]) {
    this.#parts = parts;
    this.#session = session;
    for (const { token, compatible, data } of records) {
      const handler = parts.handlers.named(compatible);
      if (handler === undefined) {
        throw new KernelError(
          'ENOENT',
          `Cannot take over token ${hex(token)} of session ${session}: no handler is called "${compatible}"`,
        );
      }
      this.#files.set(token, { token, handler, incoming: handler.incoming(data) });
    }
  }

  has(token: bigint): boolean {
    return this.#files.has(token);
  }

  *all(): Generator<{ token: bigint; compatible: string; size: bigint | undefined; retrieved: boolean }> {
    for (const { token, handler, incoming, outcome } of this.#files.values()) {
      const retrieved = outcome !== undefined && 'file' in outcome;
      yield { token, compatible: handler.compatible, size: incoming.size, retrieved };
    }
  }

  /**
   * The file that was preserved under the token: made at the first call, the same one at each later call.
   *
   * @returns the open file with a reference for the caller
   * @throws KernelError ENOENT for a token that is not there; what the handler says, on Linux 7.3 the same each time
   */
  retrieve(token: bigint): File {
    const entry = this.#files.get(token);
    if (entry === undefined) {
      throw new KernelError('ENOENT', `Cannot retrieve token ${hex(token)} from session ${this.#session}: not there`);
    }
    if (entry.outcome === undefined) return this.#retrieveFirst(entry);
    if ('file' in entry.outcome) return entry.outcome.file.get();
    throw entry.outcome.failure;
  }

  /**
   * Lets go of all files, the last one first. Those that were retrieved stay with whoever has them.
   *
   * @throws KernelError EBUSY where a handler cannot finish a file yet; nothing has changed then
   */
  finish(): void {
    for (const { token, incoming } of this.#files.values()) {
      if (incoming.canFinish?.() === false) {
        throw new KernelError('EBUSY', `Cannot finish session ${this.#session}: token ${hex(token)} is not ready`);
      }
    }
    for (const entry of [...this.#files.values()].reverse()) {
      this.#files.delete(entry.token);
      this.#finishOne(entry);
    }
  }

  #retrieveFirst(entry: IncomingEntry): File {
    let file: File;
    try {
      file = entry.incoming.retrieve();
    } catch (error) {
      if (error instanceof KernelError && this.#parts.rules.remembersFailedRetrieve) {
        entry.outcome = { failure: error };
      }
      throw error;
    }
    const identity = identityOf(entry.handler, file);
    this.#parts.taken.take(identity);
    entry.outcome = { file, identity };
    return file.get();
  }

  #finishOne({ incoming, outcome }: IncomingEntry): void {
    if (outcome === undefined || !('file' in outcome)) {
      incoming.finish(false);
      return;
    }
    incoming.finish(true);
    this.#parts.taken.release(outcome.identity);
    outcome.file.put();
  }
}
