import { KernelError } from '../error.js';
import { File, type HostFile } from '../fs/file.js';
import { attempt, trace } from '../step.js';
import type { FileRecord } from './abi.js';
import { finishFlbs } from './flbs.js';
import type { FileHandler, FinishCall, LiveUpdateSession, RetrieveCall } from './handler.js';
import type { RegisteredHandler } from './handlers.js';
import { hex, type LiveUpdateParts } from './outgoing-files.js';
import { resumableFile } from './resumable.js';
import type { SavedIncomingFile, SavedOutcome } from './saved.js';
import { type FileIdentity, identityOf } from './taken-files.js';

interface RetrievedFile {
  readonly file: File;
  readonly identity: FileIdentity;
}

interface IncomingEntry {
  readonly token: bigint;
  readonly registered: RegisteredHandler;
  readonly call: RetrieveCall;
  /** In bytes, as it was when the file was retrieved: what tells it is gone then. */
  size?: bigint | undefined;
  /** How the retrieve ended, once it was tried. The session holds a reference of the file. */
  outcome?: RetrievedFile | { readonly failure: KernelError };
}

/** The files that the last kernel preserved in a session, by token and in their order (patch 08 of the v5 series). */
export class IncomingFiles {
  readonly #parts: LiveUpdateParts;
  readonly #session: LiveUpdateSession;
  readonly #files = new Map<bigint, IncomingEntry>();

  constructor(parts: LiveUpdateParts, session: LiveUpdateSession) {
    this.#parts = parts;
    this.#session = session;
  }

  /**
   * Takes over what the last kernel left.
   *
   * @throws KernelError ENOENT for a file of a kind that this kernel has no handler for (patch 08); no file is taken
   * over then
   */
  adopt(records: readonly FileRecord[]): void {
    const entries = records.map(({ token, compatible, data }) => {
      const registered = this.#parts.handlers.named(compatible);
      if (registered !== undefined) {
        return { token, registered, call: { session: this.#session, serializedData: data } };
      }
      throw new KernelError(
        'ENOENT',
        `Cannot take over token ${hex(token)} of session ${this.#session.name}: no handler is called "${compatible}"`,
      );
    });
    for (const entry of entries) {
      entry.registered.files += 1;
      this.#files.set(entry.token, entry);
    }
  }

  /** Gives up what was taken over, before anybody saw it: it stays as the last kernel left it. */
  abandon(): void {
    for (const { registered } of this.#files.values()) registered.files -= 1;
    this.#files.clear();
  }

  get size(): number {
    return this.#files.size;
  }

  has(token: bigint): boolean {
    return this.#files.has(token);
  }

  *all(): Generator<{ token: bigint; compatible: string; size: bigint | undefined; retrieved: boolean }> {
    for (const entry of this.#files.values()) {
      const { token, registered, call, outcome } = entry;
      const { handler } = registered;
      const retrieved = outcome !== undefined && 'file' in outcome;
      const size = retrieved ? entry.size : handler.incomingSize?.(call.serializedData);
      yield { token, compatible: handler.compatible, size, retrieved };
    }
  }

  /**
   * The file that was preserved under the token: made at the first call, the same one at each later call.
   *
   * @returns the open file; the reference stays the session's
   * @throws KernelError ENOENT for a token that is not there; what the handler says, on Linux 7.3 the same each time
   */
  retrieve(token: bigint): File {
    const entry = this.#files.get(token);
    if (entry === undefined) {
      throw new KernelError(
        'ENOENT',
        `Cannot retrieve token ${hex(token)} from session ${this.#session.name}: not there`,
      );
    }
    if (entry.outcome === undefined) return this.#retrieveFirst(entry);
    if ('file' in entry.outcome) return entry.outcome.file;
    throw entry.outcome.failure;
  }

  /**
   * Each file, with how far programs have come with it. Changes nothing that they could tell.
   *
   * @throws KernelError EOPNOTSUPP for a file that is none of the host's, or whose handler cannot go on elsewhere
   */
  saved(): SavedIncomingFile[] {
    return [...this.#files.values()].map(({ token, registered: { handler }, call, size, outcome }) => {
      const what = `token ${hex(token)} of session ${this.#session.name}`;
      if (outcome !== undefined && 'file' in outcome) {
        return { token, descriptor: resumableFile(what, handler, outcome.file).descriptor, outcome: { size } };
      }
      const file = handler.incomingFile?.(call);
      return { token, descriptor: resumableFile(what, handler, file).descriptor, outcome };
    });
  }

  /**
   * Takes over how far programs had come with a file in another process.
   *
   * @param open gives the file that they have, where they have it
   * @throws KernelError of the handler
   */
  resume(token: bigint, outcome: SavedOutcome, open: () => HostFile): void {
    const entry = this.#files.get(token);
    if (entry === undefined) throw new Error(`Cannot resume token ${hex(token)}: it is not there`);
    const { handler } = entry.registered;
    if ('failure' in outcome) {
      const { code, message } = outcome.failure;
      entry.outcome = { failure: new KernelError(code, message) };
      return;
    }
    handler.resume?.(entry.call);
    entry.size = outcome.size;
    entry.outcome = withIdentity(handler, open());
    this.#parts.taken.take(entry.outcome.identity);
  }

  /**
   * Lets go of all files, the last one first. Those that were retrieved stay with whoever has them.
   *
   * @throws KernelError EBUSY where a handler cannot finish a file yet; nothing has changed then
   */
  finish(): void {
    for (const entry of this.#files.values()) this.#checkFinish(entry);
    for (const entry of [...this.#files.values()].reverse()) {
      this.#files.delete(entry.token);
      this.#finishOne(entry);
    }
  }

  #retrieveFirst(entry: IncomingEntry): File {
    const { handler } = entry.registered;
    let retrieved: RetrievedFile;
    try {
      entry.size = handler.incomingSize?.(entry.call.serializedData);
      retrieved = attempt(this.#parts.onlookers, this.#step('retrieve', entry), () =>
        withIdentity(handler, expectFile(handler, handler.retrieve(entry.call))),
      );
    } catch (error) {
      if (error instanceof KernelError && this.#parts.rules.remembersFailedRetrieve) {
        entry.outcome = { failure: error };
      }
      throw error;
    }
    this.#parts.taken.take(retrieved.identity);
    entry.outcome = retrieved;
    return retrieved.file;
  }

  #checkFinish(entry: IncomingEntry): void {
    const { handler } = entry.registered;
    if (handler.canFinish === undefined) return;
    attempt(this.#parts.onlookers, this.#step('can_finish', entry), () => {
      if (handler.canFinish?.(finishCall(entry)) === true) return;
      throw new KernelError(
        'EBUSY',
        `Cannot finish session ${this.#session.name}: token ${hex(entry.token)} is not ready; finish it again later`,
      );
    });
  }

  /** The FLBs are let go of after the file that depends on them. */
  #finishOne(entry: IncomingEntry): void {
    const { token, registered, outcome } = entry;
    const warn = (what: string, { message }: KernelError) => {
      const name = `token ${hex(token)} of session ${this.#session.name}`;
      this.#parts.log('warning', `${what} ${name} was finished: ${message}`);
    };
    try {
      const call = finishCall(entry);
      const step = { ...this.#step('finish', entry), retrieved: call.retrieved };
      trace(this.#parts.onlookers.tracer, step, () => registered.handler.finish(call));
    } catch (error) {
      // The session is on its way out, and so are the files that come after this one.
      if (!(error instanceof KernelError)) throw error;
      warn('Lost something as', error);
    }
    finishFlbs(registered.flbs, (error) => warn('Lost an FLB as', error));
    registered.files -= 1;
    if (outcome === undefined || !('file' in outcome)) return;
    this.#parts.taken.release(outcome.identity);
    outcome.file.put();
  }

  #step<Callback extends string>(callback: Callback, { token, registered }: IncomingEntry) {
    const { compatible } = registered.handler;
    return { kind: 'file', callback, session: this.#session.name, token, compatible } as const;
  }
}

/** No compiler has seen the handlers of some modules. @throws KernelError EIO where it is no file */
function expectFile({ compatible }: FileHandler, file: File): File {
  if (file instanceof File) return file;
  throw new KernelError(
    'EIO',
    `Cannot retrieve a file: retrieve of the handler "${compatible}" must return one, at once`,
  );
}

/** The file stays with nobody where it cannot be told which one it is. */
function withIdentity(handler: FileHandler, file: File): RetrievedFile {
  try {
    return { file, identity: identityOf(handler, file) };
  } catch (error) {
    file.put();
    throw error;
  }
}

function finishCall({ call, outcome }: IncomingEntry): FinishCall {
  const file = outcome !== undefined && 'file' in outcome ? outcome.file : undefined;
  return { ...call, file, retrieved: file !== undefined };
}
