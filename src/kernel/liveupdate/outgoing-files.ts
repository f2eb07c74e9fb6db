import { KernelError } from '../error.js';
import type { FileTable as DescriptorTable, File } from '../fs/file.js';
import type { Visit } from '../step.js';
import { checkHandle, type FileTable } from './abi.js';
import { preserveFlbs, unpreserveFlbs } from './flbs.js';
import type { LiveUpdateSession, PreservedCall } from './handler.js';
import type { FileHandlers, RegisteredHandler } from './handlers.js';
import type { Rules } from './profile.js';
import { type FileIdentity, identityOf, type TakenFiles } from './taken-files.js';

/** What the sessions of one kernel share. */
export interface LiveUpdateParts {
  readonly rules: Rules;
  readonly handlers: FileHandlers;
  readonly taken: TakenFiles;
  /** Called before each step that a handler may refuse. */
  readonly visit: Visit;
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

  /** The token that an open file is preserved under. */
  tokenOf(file: File): bigint | undefined {
    const [first] = this.#tokens.get(file) ?? [];
    return first;
  }

  /**
   * Preserves the file behind a descriptor of a program under a token that is free in the session.
   *
   * @throws KernelError, in this order: EBADF for a descriptor that is not open; ENOMEM and (v5) ENOSPC, before EBADF
   * on Linux 7.3; ENOENT where no handler takes the file; (Linux 7.3) EBUSY where a session has it; what an FLB and
   * the handler say. Nothing is kept then.
   */
  preserve(token: bigint, fd: number, descriptors: DescriptorTable): void {
    const failure = `Cannot preserve fd ${fd} as token ${hex(token)} in session ${this.#session.name}`;
    if (this.#parts.rules.makesRoomFirst) this.#reserve(failure);
    const file = descriptors.get(fd);
    try {
      if (file === undefined) throw new KernelError('EBADF', `${failure}: no file is open there`);
      if (!this.#parts.rules.makesRoomFirst) this.#reserve(failure);
      this.#files.set(token, this.#preserveFile(token, file, failure));
      this.#tokens.set(file, (this.#tokens.get(file) ?? new Set()).add(token));
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
    this.#visit('freeze', entry.token, handler.compatible);
    const serializedData = handler.freeze(entry.call);
    if (serializedData === undefined) return;
    try {
      checkHandle(serializedData, `a file of the handler "${handler.compatible}"`);
    } catch (error) {
      this.#attempt('unfreeze', entry.token, () => handler.unfreeze?.(entry.call));
      throw error;
    }
    entry.call = { ...entry.call, serializedData };
  }

  #preserveFile(token: bigint, file: File, failure: string): OutgoingFile {
    const { handlers, rules, taken } = this.#parts;
    const registered = handlers.for(file);
    if (registered === undefined) {
      throw new KernelError('ENOENT', `${failure}: no handler preserves a file of this kind`);
    }
    const identity = identityOf(registered.handler, file);
    if (rules.oneTokenPerFile && taken.has(identity)) {
      throw new KernelError('EBUSY', `${failure}: a session has this file already`);
    }
    const { size, ...preserved } = this.#callPreserve(registered, token, file);
    taken.take(identity);
    registered.files += 1;
    return { token, registered, identity, size, call: { session: this.#session, file, ...preserved } };
  }

  /** The FLBs are there around the file: preserved before it, and let go of after it. */
  #callPreserve({ handler, flbs }: RegisteredHandler, token: bigint, file: File) {
    const lost = this.#lostFlb(token);
    preserveFlbs(flbs, lost);
    try {
      this.#visit('preserve', token, handler.compatible);
      const preserved = handler.preserve({ session: this.#session, file });
      try {
        checkHandle(preserved.serializedData, `a file of the handler "${handler.compatible}"`);
      } catch (error) {
        this.#attempt('unpreserve', token, () => handler.unpreserve({ session: this.#session, file, ...preserved }));
        throw error;
      }
      return preserved;
    } catch (error) {
      unpreserveFlbs(flbs, lost);
      throw error;
    }
  }

  #unpreserveOne({ token, registered, identity, call }: OutgoingFile): void {
    this.#attempt('unpreserve', token, () => registered.handler.unpreserve(call));
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
    for (const { token, registered, call } of files.reverse()) {
      this.#attempt('unfreeze', token, () => registered.handler.unfreeze?.(call));
    }
  }

  /** Runs what there is nobody to tell of when it fails: the files that come after this one must have their turn. */
  #attempt(callback: 'unpreserve' | 'unfreeze', token: bigint, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      const name = `token ${hex(token)} of session ${this.#session.name}`;
      this.#parts.log('warning', `Cannot ${callback} all of ${name}: ${error.message}`);
    }
  }

  #lostFlb(token: bigint): (error: KernelError) => void {
    return ({ message }) => {
      const name = `token ${hex(token)} of session ${this.#session.name}`;
      this.#parts.log('warning', `Lost an FLB as ${name} was unpreserved: ${message}`);
    };
  }

  #visit(callback: 'preserve' | 'freeze', token: bigint, compatible: string): void {
    this.#parts.visit({ kind: 'file', callback, session: this.#session.name, token, compatible });
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
