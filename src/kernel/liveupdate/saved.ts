/** What programs can tell a kernel by, as plain values: from it a kernel in another process takes the place of this one. */
import type { KernelError } from '../error.js';
import type { Descriptor } from '../hardware.js';
import type { SessionType } from './handler.js';

/** How the retrieve of a file has ended. */
export type SavedOutcome =
  /** What it is called is that of the file that was retrieved, in bytes, where the handler could tell. */
  { readonly size: bigint | undefined } | { readonly failure: Pick<KernelError, 'code' | 'message'> };

export interface SavedFile {
  readonly token: bigint;
  /** Of an incoming file: the one that programs have got, where it was retrieved, else the one that was preserved. */
  readonly descriptor: Descriptor;
}

export interface SavedIncomingFile extends SavedFile {
  /** Undefined where no program has asked for it. */
  readonly outcome: SavedOutcome | undefined;
}

export interface SavedSession {
  readonly type: SessionType;
  /** Without the NUL. */
  readonly name: Uint8Array;
  readonly retrieved: boolean;
  readonly finished: boolean;
  /** A program has frozen what it preserves. */
  readonly frozen: boolean;
  readonly outgoing: readonly SavedFile[];
  readonly incoming: readonly SavedIncomingFile[];
}

export interface SavedKernel {
  /** `liveupdate-number`. */
  readonly number: bigint;
  /** Incoming ones first, each kind in its order. */
  readonly sessions: readonly SavedSession[];
}
