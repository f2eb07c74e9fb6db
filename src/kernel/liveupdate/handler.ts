import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import { COMPATIBLE_LENGTH } from './abi.js';

/**
 * How one kind of file passes a live update (`struct liveupdate_file_handler`, patch 08 of the v5 series). A handler
 * keeps what belongs to one file in the object that it returns for it, so that it needs no state of its own.
 */
export interface FileHandler {
  /** What the next kernel knows this kind of file by, such as `memfd-v1`: at most 47 bytes of ASCII. */
  readonly compatible: string;
  /** Whether this handler can take the file. Changes nothing. */
  canPreserve(file: File): boolean;
  /** What two open files have in common when they are the same file. Without it, each open file is its own. */
  identity?(file: File): string;
  /**
   * Saves the file's state for the next kernel. The session holds the file for as long as it is preserved.
   *
   * @throws KernelError where it cannot; nothing is kept then
   */
  preserve(file: File): PreservedFile;
  /** A file that the last kernel preserved, by the handle that it gave. Must not fail: nothing is read yet. */
  incoming(data: bigint): IncomingFile;
}

/** A file in the kernel that preserves it. */
export interface PreservedFile {
  /** The handle for the next kernel. It is read after `freeze`, which may change it. */
  readonly data: bigint;
  /** The bytes that pass to the next kernel, where the handler counts them. */
  readonly size?: bigint;
  /** Undoes `preserve`. */
  unpreserve(): void;
  /**
   * The last chance to save state: the programs run no more.
   *
   * @throws KernelError where it cannot; the live update does not happen then
   */
  freeze?(): void;
  /** Undoes `freeze`: the live update did not happen. */
  unfreeze?(): void;
}

/** A file in the kernel that comes after the one that preserved it. */
export interface IncomingFile {
  readonly size?: bigint | undefined;
  /**
   * Makes the file again. Called once, or again after it failed.
   *
   * @returns the open file with one reference, which belongs to the caller
   * @throws KernelError where it cannot
   */
  retrieve(): File;
  /** Whether nothing stands against `finish` now. */
  canFinish?(): boolean;
  /** Lets go of all that is left of the handed-over state: all of it where the file was not retrieved. */
  finish(retrieved: boolean): void;
}

/** The handlers of a kernel, in the order in which they are asked. */
export class FileHandlers {
  readonly #byCompatible = new Map<string, FileHandler>();
  #closed = false;

  /**
   * @throws KernelError EBUSY once sessions were read, EEXIST for a name that is taken (patch 08), EINVAL for a name
   * that does not fit into the handover
   */
  register(handler: FileHandler): void {
    const failure = `Cannot register the file handler "${handler.compatible}"`;
    if (this.#closed) throw new KernelError('EBUSY', `${failure}: the sessions of the last kernel were read already`);
    if (!/^[!-~]+$/.test(handler.compatible) || handler.compatible.length >= COMPATIBLE_LENGTH) {
      throw new KernelError('EINVAL', `${failure}: the name must be 1 to ${COMPATIBLE_LENGTH - 1} ASCII letters`);
    }
    if (this.#byCompatible.has(handler.compatible)) {
      throw new KernelError('EEXIST', `${failure}: there is one of that name`);
    }
    this.#byCompatible.set(handler.compatible, handler);
  }

  /** Takes no more handlers: what the last kernel left is read now, and all handlers must be there for it. */
  close(): void {
    this.#closed = true;
  }

  /** The first handler that can take the file. */
  for(file: File): FileHandler | undefined {
    for (const handler of this.#byCompatible.values()) {
      if (handler.canPreserve(file)) return handler;
    }
    return undefined;
  }

  named(compatible: string): FileHandler | undefined {
    return this.#byCompatible.get(compatible);
  }
}
