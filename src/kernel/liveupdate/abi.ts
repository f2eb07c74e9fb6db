/** What every format of the handover agrees on, and the names of KHO's side of it (patches 08 and 10 of v5). */
import type { SessionName } from './name.js';

/** The subtree of KHO that LUO's state hangs from. */
export const LUO_SUBTREE = 'LUO';

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
   * @throws KernelError ENOMEM
   */
  reserve(count: number): void;
  newFileTable(): FileTable;
  /** Writes the sessions in their order. Room for them and their files was made. Allocates nothing. */
  write(sessions: readonly SessionToWrite[]): void;
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
}
