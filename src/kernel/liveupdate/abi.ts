/** What every format of the handover agrees on, and the names of KHO's side of it (patches 08 and 10 of v5). */
import { KernelError } from '../error.js';
import type { SessionName } from './name.js';

/** The subtree of KHO that LUO's state hangs from. */
export const LUO_SUBTREE = 'LUO';

/** How the state of one kernel is laid out for the next one: `luo-v1` of the v5 series, or `luo-v5` of Linux 7.3. */
export type WireFormat = 'luo-v1' | 'luo-v5';

/** Bytes of a handler's name with its NUL. */
export const COMPATIBLE_LENGTH = 48;

/** One file as it is handed over (`struct luo_file_ser`). */
export interface FileRecord {
  readonly compatible: string;
  /** The handler's handle. */
  readonly data: bigint;
  readonly token: bigint;
}

/** One session as it is handed over (`struct luo_session_ser`). */
export interface SessionRecord {
  readonly name: SessionName;
  readonly files: readonly FileRecord[];
}

/** One object bound to the life of files, as it is handed over (`struct luo_flb_ser`, patch 10). */
export interface FlbRecord {
  readonly compatible: string;
  /** The object's handle. */
  readonly data: bigint;
  /** The preserved files that depend on it. */
  readonly count: bigint;
}

/** Memory for the records of one session's files. Room is made before it is needed, so that a freeze needs none. */
export interface FileTable {
  /**
   * Makes room for `count` files.
   *
   * @throws KernelError ENOMEM, and ENOSPC where the format takes no more
   */
  reserve(count: number): void;
  write(files: readonly FileRecord[]): void;
  free(): void;
}

/** A session for the writer, with the memory of its files. */
export interface SessionToWrite {
  readonly name: SessionName;
  readonly table: FileTable;
}

/** The state that a kernel prepares for the next one, in one format. */
export interface OutgoingState {
  /**
   * Makes room for `count` sessions.
   *
   * @throws KernelError ENOMEM, and ENOSPC where the format takes no more
   */
  reserve(count: number): void;
  /**
   * Makes room for `count` objects bound to files.
   *
   * @throws KernelError ENOMEM, and ENOSPC where the format takes no more
   */
  reserveFlbs(count: number): void;
  newFileTable(): FileTable;
  /**
   * Writes sessions and objects in their order. Room for all of it was made. Allocates nothing, and may give up room
   * that is not needed.
   */
  write(sessions: readonly SessionToWrite[], flbs: readonly FlbRecord[]): void;
  /** How many pages it holds. */
  readonly pages: number;
}

/** The state that the last kernel left. */
export interface IncomingState {
  /** `liveupdate-number`: how many live updates came before the kernel that reads this. */
  readonly number: bigint;
  /**
   * Reads the sessions and frees the memory that they were in. Once only.
   *
   * @throws KernelError EINVAL or ENOENT where something is wrong; what was not reached stays preserved
   */
  readSessions(): SessionRecord[];
  /**
   * Reads the objects bound to files and frees the memory that they were in. Once only, before a program can ask.
   *
   * @throws KernelError EINVAL where something is wrong
   */
  readFlbs(): FlbRecord[];
}

/**
 * Checks a handle when it is given: no compiler has seen the handlers of some modules, and at the freeze it would be too
 * late.
 *
 * @param giver who gave it, for the message
 * @throws KernelError EINVAL where it is no bigint of 64 bits
 */
export function checkHandle(handle: bigint, giver: string): void {
  if (typeof handle === 'bigint' && BigInt.asUintN(64, handle) === handle) return;
  throw new KernelError(
    'EINVAL',
    `Cannot hand over ${String(handle)} for ${giver}: a handle must be a bigint of 64 bits, such as 1n, and the callback not async`,
  );
}
