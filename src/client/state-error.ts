import type { LiveUpdateSession } from './session.js';

/**
 * Why a state cannot be used:
 *
 * - `ERR_STATE_DAMAGED`: the session was not written by a state, or not as a state writes
 * - `ERR_STATE_VERSION`: a version of luo wrote it that this one does not know
 * - `ERR_STATE_INCOMPLETE`: there is no index: the live update came before `preserve()` had ended
 * - `ERR_STATE_UNREADABLE`: the kernel refused a file of it; `cause` tells why
 * - `ERR_STATE_KEY_EXISTS`: a buffer has this key
 * - `ERR_STATE_CLOSED`: it was closed
 */
export type PersistentStateErrorCode =
  | 'ERR_STATE_DAMAGED'
  | 'ERR_STATE_VERSION'
  | 'ERR_STATE_INCOMPLETE'
  | 'ERR_STATE_UNREADABLE'
  | 'ERR_STATE_KEY_EXISTS'
  | 'ERR_STATE_CLOSED';

/** A state cannot be used. Where it could not be found again, nothing was let go of: `session` has it. */
export class PersistentStateError extends Error {
  override readonly name = 'PersistentStateError';
  readonly code: PersistentStateErrorCode;
  /**
   * Where a state could not be found again: the session that the last generation left, open and not finished. Retrieve
   * from it by token, or open the state again with it. What it holds is gone when it is closed.
   */
  readonly session: LiveUpdateSession | undefined;

  /** @internal */
  constructor(code: PersistentStateErrorCode, message: string, session?: LiveUpdateSession, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.session = session;
  }
}
