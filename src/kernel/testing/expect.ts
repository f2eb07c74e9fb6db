import { AssertionError } from 'node:assert';
import type { ErrnoName } from '../../uapi/errno.js';
import { KernelError } from '../error.js';

/** Expects that `run` is refused with the error number. Returns the error, for a look at its message. */
export function refused(code: ErrnoName, run: () => unknown): KernelError {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (error instanceof KernelError && error.code === code) return error;
    throw new AssertionError({ message: `Expected ${code}, got ${error}`, actual: error, expected: code });
  }
  throw new AssertionError({ message: `Expected ${code}, but it worked`, actual: result, expected: code });
}
