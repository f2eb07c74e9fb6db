import { SystemError } from '../host/libc.js';
import { errnoName, errno as errnoNumbers } from '../uapi/errno.js';
import { adviceFor } from './advice.js';

/** What was asked of the kernel: an ioctl of live update by its name, or another system call. */
export type LiveUpdateOperation =
  | 'open'
  | 'close'
  | 'CREATE_SESSION'
  | 'RETRIEVE_SESSION'
  | 'PRESERVE_FD'
  | 'RETRIEVE_FD'
  | 'FINISH'
  | 'GET_NAME'
  | 'memfd_create'
  | 'ftruncate'
  | 'mmap'
  | 'fstat'
  | 'F_GET_SEALS'
  | 'F_ADD_SEALS';

/** An operation with what it is about. */
export interface Attempt {
  readonly operation: LiveUpdateOperation;
  /** What follows "Cannot" in a message. */
  readonly action: string;
  readonly session?: string;
  readonly token?: bigint;
}

/**
 * The kernel refused an operation. The message is a sentence: what was attempted, on which session and token, which
 * error, and what to do.
 */
export class LiveUpdateError extends Error {
  override readonly name = 'LiveUpdateError';
  /** The name of the error, such as `ENOENT`. */
  readonly code: string;
  /** The number of the error, positive as the kernel's headers have it: 2 for `ENOENT`. */
  readonly errno: number;
  /** What was refused: an ioctl by its name, such as `PRESERVE_FD`, or another system call. */
  readonly operation: LiveUpdateOperation;
  /** The system call: `ioctl` for every operation on the device or a session. */
  readonly syscall: string;
  /** The name of the session, where there is one. */
  readonly session: string | undefined;
  /** The token of the file, where there is one. */
  readonly token: bigint | undefined;

  /** @internal */
  constructor(attempt: Attempt, errno: number, advice?: string) {
    const code = errnoName(errno);
    super(`Cannot ${attempt.action}: ${code}: ${advice ?? adviceFor(attempt.operation, code)}`);
    this.code = code;
    this.errno = errno;
    this.operation = attempt.operation;
    this.syscall = systemCall(attempt.operation);
    this.session = attempt.session;
    this.token = attempt.token;
  }
}

/** Does what may throw a `SystemError`. Where a signal interrupts it, nothing has happened, and it is done again. */
export function attempt<T>(what: Attempt, act: () => T): T {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.errno !== errnoNumbers.EINTR) throw new LiveUpdateError(what, error.errno);
    }
  }
}

/** The error for an object that was closed: what the kernel says of a descriptor that is not open. */
export function closedError(what: Attempt, object: string): LiveUpdateError {
  return new LiveUpdateError(what, errnoNumbers.EBADF, `${object} was closed: use it before close()`);
}

function systemCall(operation: LiveUpdateOperation): string {
  if (operation.startsWith('F_')) return 'fcntl';
  return /^[A-Z]/.test(operation) ? 'ioctl' : operation;
}
