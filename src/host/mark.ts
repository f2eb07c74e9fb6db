/**
 * A mark that a process has in common with all that it starts, whatever becomes of them: through `fork`, `execve`,
 * `setsid` and the end of those in between.
 *
 * It is the soft limit on file locks (RLIMIT_LOCKS), which Linux has not looked at since 2.4 and programs do not set.
 */
import { readFileSync } from 'node:fs';
import { numbers } from './architecture.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const RLIMIT_LOCKS = 10;
const limits = scratch(16);

/** Marks this process. It stays without a mark where somebody has set the hard limit below that. */
export function setMark(mark: bigint): void {
  if (syscall(numbers.prlimit64, 0, RLIMIT_LOCKS, 0, limits.address) < 0) return;
  limits.view.setBigUint64(0, mark, true);
  syscall(numbers.prlimit64, 0, RLIMIT_LOCKS, limits.address, 0);
}

/** The mark of a process, or undefined where it has none or is gone. */
export function markOf(pid: number): bigint | undefined {
  try {
    const limit = /^Max file locks +(\d+) /m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1];
    return limit === undefined ? undefined : BigInt(limit);
  } catch {
    return undefined;
  }
}
