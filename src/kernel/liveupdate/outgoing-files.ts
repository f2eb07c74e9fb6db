import { KernelError } from '../error.js';
import type { FileTable as DescriptorTable, File } from '../fs/file.js';
import type { FileTable } from './abi.js';
import type { FileHandler, FileHandlers, PreservedFile } from './handler.js';
import type { SessionName } from './name.js';
import type { Rules } from './profile.js';
import { type FileIdentity, identityOf, type TakenFiles } from './taken-files.js';

/** What the sessions of one kernel share. */
export interface LiveUpdateParts {
  readonly rules: Rules;
  readonly handlers: FileHandlers;
  readonly taken: TakenFiles;
  log(level: 'info' | 'warning' | 'error', message: string): void;
}

/** A file that a session preserves for the next kernel (`struct luo_file`). It holds a reference of the file. */
export interface OutgoingFile {
  readonly token: bigint;
  readonly handler: FileHandler;
  readonly file: File;
  readonly identity: FileIdentity;
  readonly preserved: PreservedFile;
}

/** The files that a session preserves, by token and in the order in which they came (patch 08 of the v5 series). */
export class OutgoingFiles {
  readonly #parts: LiveUpdateParts;
  readonly #session: SessionName;
  readonly #files = new Map<bigint, OutgoingFile>();

  constructor(
    parts: LiveUpdateParts,
    session: SessionName,
    readonly table: FileTable,
  ) {
    this.#parts = parts;
    this.#session = session;
  }

  get all(): Iterable<OutgoingFile> {
    return this.#files.values();
  }

  has(token: bigint): boolean {
    return this.#files.has(token);
  }

  /**
   * Preserves the file behind a descriptor of a program under a token that is free in the session.
   *
   * @throws KernelError, in this order: EBADF for a descriptor that is not open; ENOMEM and (v5) ENOSPC, before EBADF
   * on Linux 7.3; ENOENT where no handler takes the file; (Linux 7.3) EBUSY where a session has it; what the handler
   * says. Nothing is kept then.
   */
  preserve(token: bigint, fd: number, descriptors: DescriptorTable): void {
    const failure = `Cannot preserve fd ${fd} as token ${hex(token)} in session ${this.#session}`;
    if (this.#parts.rules.makesRoomFirst) this.#reserve(failure);
    const file = descriptors.get(fd);
    try {
      if (file === undefined) throw new KernelError('EBADF', `${failure}: no file is open there`);
      if (!this.#parts.rules.makesRoomFirst) this.#reserve(failure);
      this.#files.set(token, this.#preserveFile(token, file, failure));
    } catch (error) {
      file?.put();
      this.#freeTable();
      throw error;
    }
  }

  /** Lets go of all files, the last one first. */
  unpreserveAll(): void {
    for (const entry of [...this.#files.values()].reverse()) {
      entry.preserved.unpreserve();
      this.#parts.taken.release(entry.identity);
      this.#files.delete(entry.token);
      entry.file.put();
    }
    this.#freeTable();
  }

  /**
   * Freezes all files in the order in which they came and writes them down for the next kernel.
   *
   * @throws KernelError of the handler that could not; the files before it are unfrozen then
   */
  freeze(): void {
    const frozen: OutgoingFile[] = [];
    for (const entry of this.#files.values()) {
      try {
        entry.preserved.freeze?.();
      } catch (error) {
        this.#parts.log('warning', `Cannot freeze token ${hex(entry.token)} in session ${this.#session}: ${error}`);
        unfreezeAll(frozen);
        throw error;
      }
      frozen.push(entry);
    }
    this.table.write(
      frozen.map(({ handler, preserved, token }) => ({
        compatible: handler.compatible,
        data: preserved.data,
        token,
      })),
    );
  }

  /** Undoes `freeze`, the last file first. */
  unfreeze(): void {
    unfreezeAll([...this.#files.values()]);
  }

  #preserveFile(token: bigint, file: File, failure: string): OutgoingFile {
    const { handlers, rules, taken } = this.#parts;
    const handler = handlers.for(file);
    if (handler === undefined) {
      throw new KernelError('ENOENT', `${failure}: no handler preserves a file of this kind`);
    }
    const identity = identityOf(handler, file);
    if (rules.oneTokenPerFile && taken.has(identity)) {
      throw new KernelError('EBUSY', `${failure}: a session has this file already`);
    }
    const preserved = handler.preserve(file);
    taken.take(identity);
    return { token, handler, file, identity, preserved };
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

function unfreezeAll(files: OutgoingFile[]): void {
  for (const { preserved } of files.reverse()) preserved.unfreeze?.();
}

export function hex(token: bigint): string {
  return `0x${token.toString(16)}`;
}
