/**
 * How one kind of file passes a live update: what somebody writes who wants another kind to be preserved (`struct
 * liveupdate_file_handler` and `struct liveupdate_file_ops`, patches 08 and 16 of the v5 series).
 */
import type { File } from '../fs/file.js';
import type { SessionName } from './name.js';

/** On which side of a live update a session is: made by a program of this kernel, or left by the last one. */
export type SessionType = 'outgoing' | 'incoming';

/** A session, as handlers get to see it. */
export interface LiveUpdateSession {
  readonly name: SessionName;
  readonly type: SessionType;
}

/** A file that is about to be preserved. */
export interface PreserveCall {
  readonly session: LiveUpdateSession;
  readonly file: File;
}

/** What `preserve` made of a file. */
export interface Preserved<PrivateData> {
  /** The handle that finds the file's state in the next kernel: an address in RAM, as a rule. */
  readonly serializedData: bigint;
  /** What this kernel alone needs to know. It is there in each later call, and does not pass to the next kernel. */
  readonly privateData: PrivateData;
  /** The bytes that pass to the next kernel, where the handler counts them. */
  readonly size?: bigint;
}

/** A file that is preserved. */
export interface PreservedCall<PrivateData> extends PreserveCall {
  readonly serializedData: bigint;
  readonly privateData: PrivateData;
}

/** A file that the last kernel preserved. */
export interface RetrieveCall {
  readonly session: LiveUpdateSession;
  /** The handle that the last kernel's handler gave. */
  readonly serializedData: bigint;
}

/** A file that the last kernel preserved and that is to be let go of. */
export interface FinishCall extends RetrieveCall {
  /** The file, where it was retrieved. */
  readonly file: File | undefined;
  readonly retrieved: boolean;
}

/**
 * A file handler. Its callbacks are called one at a time. They throw a KernelError to refuse; any other exception is
 * a bug and panics the kernel.
 *
 * Files are preserved and frozen in the order in which they came, and let go of from the last to the first.
 */
export interface FileHandler<PrivateData = unknown> {
  /** What the next kernel knows this kind of file by, such as `memfd-v1`: 1 to 47 printable ASCII characters. */
  readonly compatible: string;
  /** Whether this handler can take the file. Changes nothing. The first handler that says so gets it. */
  canPreserve(file: File): boolean;
  /**
   * What two open files have in common when they are the same file, whatever handler has them, such as
   * `inode 0:7/1234`. Without it, each open file is its own.
   */
  identity?(file: File): string;
  /**
   * Saves the file's state, while programs go on. The session holds the file for as long as it is preserved.
   *
   * @throws KernelError where it cannot; nothing is kept then
   */
  preserve(call: PreserveCall): Preserved<PrivateData>;
  /** Undoes `preserve`. Nobody can be told that it failed: a KernelError is logged, and the file is gone all the same. */
  unpreserve(call: PreservedCall<PrivateData>): void;
  /**
   * The last chance to save state: the programs run no more.
   *
   * @returns another handle, where it is another one now
   * @throws KernelError where it cannot; the live update does not happen then, and `unfreeze` is not called
   */
  freeze?(call: PreservedCall<PrivateData>): bigint | undefined;
  /** Undoes `freeze`: the live update did not happen. */
  unfreeze?(call: PreservedCall<PrivateData>): void;
  /**
   * Makes the file again, in the next kernel. Not called again once it has succeeded.
   *
   * @returns the open file with one reference, which is the session's
   * @throws KernelError where it cannot. Linux 7.3 remembers that; the v5 series calls again when it is asked again
   */
  retrieve(call: RetrieveCall): File;
  /**
   * The open file that was preserved and that no program has asked for, for a kernel in another process that takes the
   * place of this one: there `preserve` is called for it, and for what is preserved here, once more. A handler that has
   * this and `resume` says that this can be. Changes nothing that a program could tell.
   *
   * @throws KernelError where it cannot be told
   */
  incomingFile?(call: RetrieveCall): File;
  /**
   * In that other process: a program has the file already. Lets go of what is handed over as `retrieve` does, and makes
   * no file.
   */
  resume?(call: RetrieveCall): void;
  /** Whether nothing stands against `finish` now, for each file of a session before any is finished. */
  canFinish?(call: FinishCall): boolean;
  /**
   * Lets go of all that is left of the handed-over state: all of it where the file was not retrieved. Nobody can be told
   * that it failed: a KernelError is logged, and the file is gone all the same.
   */
  finish(call: FinishCall): void;
  /** The bytes that a file has that the last kernel preserved, where that can be told. Changes nothing. */
  incomingSize?(serializedData: bigint): bigint | undefined;
}

/** The callbacks that each handler has (patch 08), for handlers that no compiler has seen. */
export const REQUIRED_CALLBACKS = ['canPreserve', 'preserve', 'unpreserve', 'retrieve', 'finish'] as const;
