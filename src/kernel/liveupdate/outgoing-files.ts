import { KernelError } from '../error.js';
import { type FileTable as DescriptorTable, type File, HostFile } from '../fs/file.js';
import { attempt, type Onlookers, trace } from '../step.js';
import { checkHandle, type FileTable } from './abi.js';
import { preserveFlbs, unpreserveFlbs } from './flbs.js';
import type { LiveUpdateSession, PreservedCall } from './handler.js';
import type { FileHandlers, RegisteredHandler } from './handlers.js';
import type { LedgerFile } from './ledger.js';
import type { Rules } from './profile.js';
import { resumableFile } from './resumable.js';
import type { SavedFile } from './saved.js';
import { type FileIdentity, identityOf, type TakenFiles } from './taken-files.js';

/** What the sessions of one kernel share. */
export interface LiveUpdateParts {
  readonly rules: Rules;
  readonly handlers: FileHandlers;
  readonly taken: TakenFiles;
  /** Who sees what handlers are asked for, and may refuse it in their place. */
  readonly onlookers: Onlookers;
  /** What a file is that no handler takes, for people. */
  kindOf(file: File): string;
  log(level: 'info' | 'warning' | 'error', message: string): void;
}

/** A file that a session preserves for the next kernel (`struct luo_file`). It holds a reference of the file. */
export interface OutgoingFile {
  readonly token: bigint;
  readonly registered: RegisteredHandler;
  readonly identity: FileIdentity;
  readonly size: bigint | undefined;
  /** What the handler's callbacks are told. The handle is that of the last `freeze`. */
  call: PreservedCall<unknown>;
}

/** The files that a session preserves, by token and in the order in which they came (patch 08 of the v5 series). */
export class OutgoingFiles {
  readonly #parts: LiveUpdateParts;
  readonly #session: LiveUpdateSession;
  readonly #files = new Map<bigint, OutgoingFile>();
  /** More than one for a file that is preserved more than once, as the v5 series lets it be. */
  readonly #tokens = new Map<File, Set<bigint>>();
  #frozen = false;

  constructor(
    parts: LiveUpdateParts,
    session: LiveUpdateSession,
    readonly table: FileTable,
  ) {
    this.#parts = parts;
    this.#session = session;
  }

  get all(): Iterable<OutgoingFile> {
    return this.#files.values();
  }

  get size(): number {
    return this.#files.size;
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  has(token: bigint): boolean {
    return this.#files.has(token);
  }

  /** @throws KernelError EOPNOTSUPP for a file that is none of the host's, or whose handler cannot go on elsewhere */
  saved(): SavedFile[] {
    return [...this.#files.values()].map(({ token, registered: { handler }, call: { file } }) => {
      const what = `token ${hex(token)} of session ${this.#session.name}`;
      return { token, descriptor: resumableFile(what, handler, file).descriptor };
    });
  }

  /** The token that an open file is preserved under. */
  tokenOf(file: File): bigint | undefined {
    const [first] = this.#tokens.get(file) ?? [];
    return first;
  }

  /**
   * Preserves the file behind a descriptor of a program under a token that is free in the session.
   *
   * @returns the file's handler, and its descriptor where it is a file of the host
   * @throws KernelError, in this order: EBADF for a descriptor that is not open; ENOMEM and (v5) ENOSPC, before EBADF
   * on Linux 7.3; ENOENT where no handler takes the file; (Linux 7.3) EBUSY where a session has it; what an FLB and
   * the handler say. Nothing is kept then.
   */
  preserve(token: bigint, fd: number, descriptors: DescriptorTable): Omit<LedgerFile, 'token'> {
    const failure = `Cannot preserve fd ${fd} as token ${hex(token)} in session ${this.#session.name}`;
    if (this.#parts.rules.makesRoomFirst) this.#reserve(failure);
    const file = descriptors.get(fd);
    try {
      if (file === undefined) throw new KernelError('EBADF', `${failure}: no file is open there`);
      if (!this.#parts.rules.makesRoomFirst) this.#reserve(failure);
      const entry = this.#preserveFile(token, file, failure);
      this.#files.set(token, entry);
      this.#tokens.set(file, (this.#tokens.get(file) ?? new Set()).add(token));
      const { compatible } = entry.registered.handler;
      return { compatible, descriptor: file instanceof HostFile ? file.descriptor : undefined };
    } catch (error) {
      file?.put();
      this.#freeTable();
      throw error;
    }
  }

  /**
   * Lets go of one file.
   *
   * @returns whether the token was there
   */
  unpreserve(token: bigint): boolean {
    const entry = this.#files.get(token);
    if (entry === undefined) return false;
    this.#unpreserveOne(entry);
    this.#freeTable();
    return true;
  }

  /** Lets go of all files, the last one first. */
  unpreserveAll(): void {
    for (const entry of [...this.#files.values()].reverse()) this.#unpreserveOne(entry);
    this.#freeTable();
  }

  /**
   * Freezes all files in the order in which they came and writes them down for the next kernel. Does nothing where
   * they are frozen.
   *
   * @throws KernelError of the handler that could not; the files before it are unfrozen then
   */
  freeze(): void {
    if (this.#frozen) return;
    const frozen: OutgoingFile[] = [];
    for (const entry of this.#files.values()) {
      try {
        this.#freezeOne(entry);
      } catch (error) {
        this.#parts.log(
          'warning',
          `Cannot freeze token ${hex(entry.token)} in session ${this.#session.name}: ${error}`,
        );
        this.#unfreezeAll(frozen);
        throw error;
      }
      frozen.push(entry);
    }
    this.table.write(
      frozen.map(({ registered, call, token }) => ({
        compatible: registered.handler.compatible,
        data: call.serializedData,
        token,
      })),
    );
    this.#frozen = true;
  }

  /** Undoes `freeze`, the last file first. */
  unfreeze(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.#unfreezeAll([...this.#files.values()]);
  }

  #freezeOne(entry: OutgoingFile): void {
    const { handler } = entry.registered;
    if (handler.freeze === undefined) return;
    const serializedData = attempt(this.#parts.onlookers, this.#step('freeze', entry), () =>
      handler.freeze?.(entry.call),
    );
    if (serializedData === undefined) return;
    try {
      checkHandle(serializedData, `a file of the handler "${handler.compatible}"`);
    } catch (error) {
      this.#undo('unfreeze', entry, () => handler.unfreeze?.(entry.call));
      throw error;
    }
    entry.call = { ...entry.call, serializedData };
  }

  #preserveFile(token: bigint, file: File, failure: string): OutgoingFile {
    const { handlers, rules, taken } = this.#parts;
    const registered = handlers.for(file);
    if (registered === undefined) {
      throw new KernelError(
        'ENOENT',
        `${failure}: no handler preserves a file of this kind: ${this.#parts.kindOf(file)}`,
      );
    }
    const identity = identityOf(registered.handler, file);
    if (rules.oneTokenPerFile && taken.has(identity)) {
      throw new KernelError('EBUSY', `${failure}: a session has this file already`);
    }
    const { size, ...preserved } = this.#callPreserve({ registered, token }, file);
    taken.take(identity);
    registered.files += 1;
    return { token, registered, identity, size, call: { session: this.#session, file, ...preserved } };
  }

  /** The FLBs are there around the file: preserved before it, and let go of after it. */
  #callPreserve(entry: Pick<OutgoingFile, 'registered' | 'token'>, file: File) {
    const { handler, flbs } = entry.registered;
    const lost = this.#lostFlb(entry.token);
    preserveFlbs(flbs, lost);
    try {
      const preserved = attempt(this.#parts.onlookers, this.#step('preserve', entry), () =>
        handler.preserve({ session: this.#session, file }),
      );
      try {
        checkHandle(preserved.serializedData, `a file of the handler "${handler.compatible}"`);
      } catch (error) {
        this.#undo('unpreserve', entry, () => handler.unpreserve({ session: this.#session, file, ...preserved }));
        throw error;
      }
      return preserved;
    } catch (error) {
      unpreserveFlbs(flbs, lost);
      throw error;
    }
  }

  #unpreserveOne(entry: OutgoingFile): void {
    const { token, registered, identity, call } = entry;
    this.#undo('unpreserve', entry, () => registered.handler.unpreserve(call));
    unpreserveFlbs(registered.flbs, this.#lostFlb(token));
    registered.files -= 1;
    this.#parts.taken.release(identity);
    this.#files.delete(token);
    const tokens = this.#tokens.get(call.file);
    tokens?.delete(token);
    if (tokens?.size === 0) this.#tokens.delete(call.file);
    call.file.put();
  }

  #unfreezeAll(files: OutgoingFile[]): void {
    for (const entry of files.reverse()) {
      const { handler } = entry.registered;
      if (handler.unfreeze !== undefined) this.#undo('unfreeze', entry, () => handler.unfreeze?.(entry.call));
    }
  }

  /** Runs what there is nobody to tell of when it fails: the files that come after this one must have their turn. */
  #undo(callback: 'unpreserve' | 'unfreeze', entry: Pick<OutgoingFile, 'registered' | 'token'>, run: () => void): void {
    try {
      trace(this.#parts.onlookers.tracer, this.#step(callback, entry), run);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      const name = `token ${hex(entry.token)} of session ${this.#session.name}`;
      this.#parts.log('warning', `Cannot ${callback} all of ${name}: ${error.message}`);
    }
  }

  #lostFlb(token: bigint): (error: KernelError) => void {
    return ({ message }) => {
      const name = `token ${hex(token)} of session ${this.#session.name}`;
      this.#parts.log('warning', `Lost an FLB as ${name} was unpreserved: ${message}`);
    };
  }

  #step<Callback extends string>(
    callback: Callback,
    { token, registered }: Pick<OutgoingFile, 'registered' | 'token'>,
  ) {
    const { compatible } = registered.handler;
    return { kind: 'file', callback, session: this.#session.name, token, compatible } as const;
  }

  #reserve(failure: string): void {
    try {
      this.table.reserve(this.#files.size + 1);
    } catch (error) {
      this.#freeTable();
      if (error instanceof KernelError) throw new KernelError(error.code, `${failure}: ${error.message}`);
      throw error;
    }
  }

  /** A session without files needs no memory for them. */
  #freeTable(): void {
    if (this.#files.size === 0) this.table.free();
  }
}

export function hex(token: bigint): string {
  return `0x${token.toString(16)}`;
}
