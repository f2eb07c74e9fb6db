import { type ErrnoName, errno } from '../uapi/errno.js';

/**
 * An operation that the kernel refused. The program gets the error number; the sentence is for people.
 *
 * Any other exception that leaves the kernel is a bug of the kernel.
 */
export class KernelError extends Error {
  override readonly name = 'KernelError';

  constructor(
    readonly code: ErrnoName,
    message: string,
  ) {
    super(message);
  }

  /** The error number, positive. */
  get errno(): number {
    return errno[this.code];
  }
}
