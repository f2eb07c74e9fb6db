/** A session, as it is written down. */
interface LedgerSession {
  readonly type: 'outgoing' | 'incoming';
  readonly name: { readonly bytes: Uint8Array };
}

/** A file that a session has come to preserve. */
export interface LedgerFile {
  readonly token: bigint;
  /** The name of the file handler. */
  readonly compatible: string;
  /** Of the host; undefined for a file that the host knows nothing of. */
  readonly descriptor: number | undefined;
}

/**
 * Writes down what a kernel preserves and what the last one left, so that both can be found again where the kernel
 * comes to a sudden end. It is told of each change once the change is made, and before the program learns of it. It
 * refuses nothing.
 */
export interface Ledger {
  /** A program made this session. */
  created(session: LedgerSession): void;
  /** A program has this session of the last kernel. */
  retrieved(session: LedgerSession): void;
  preserved(session: LedgerSession, file: LedgerFile): void;
  unpreserved(session: LedgerSession, token: bigint): void;
  /** All files of the session are let go of, as the program asked. The session may still be there, without any. */
  finished(session: LedgerSession): void;
  /** The last descriptor of the session is gone, and with it the session and what it had. */
  closed(session: LedgerSession): void;
}
