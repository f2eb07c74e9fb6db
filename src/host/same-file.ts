/** Whether two descriptors of this process are of one open file. */
import { fcntlCommands } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { syscall } from './libc.js';

/**
 * Whether two descriptors are of the same open file; undefined where this Linux does not tell: before 6.10, and with
 * `kcmp` not built in or not allowed.
 */
export function isSameOpenFile(one: number, other: number): boolean | undefined {
  const queried = syscall(numbers.fcntl, one, fcntlCommands.F_DUPFD_QUERY, other);
  return queried >= 0 ? queried === 1 : isSameByComparison(one, other);
}

function isSameByComparison(one: number, other: number): boolean | undefined {
  const KCMP_FILE = 0;
  const order = syscall(numbers.kcmp, process.pid, process.pid, KCMP_FILE, one, other);
  return order < 0 ? undefined : order === 0;
}
