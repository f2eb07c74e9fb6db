import { type ErrnoName, errno } from '../uapi/errno.js';

/** Marks a KernelError, in whichever copy of luo it was made. */
const mark = Symbol.for('luo.KernelError');

/**
 * An operation that the kernel refused. The program gets the error number; the sentence is for people.
 *
 * Any other exception that leaves the kernel is a bug of the kernel.
 */
export class KernelError extends Error {
  readonly [mark] = true;
  override readonly name = 'KernelError';
  readonly code: ErrnoName;

  /** @param code one that luo does not know, which no compiler lets through, becomes EIO, and the sentence says so */
  constructor(code: ErrnoName, message: string) {
    const known = Object.hasOwn(errno, code);
    super(known ? message : `${message} (luo does not know the error number "${code}": it is EIO)`);
    this.code = known ? code : 'EIO';
  }

  /** A module may have been installed with a copy of luo beside the one that runs the machine. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && mark in value;
  }

  /** The error number, positive. */
  get errno(): number {
    return errno[this.code];
  }
}
