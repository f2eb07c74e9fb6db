/** Processes: what Node has no API for. */
import { errno } from '../uapi/errno.js';
import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const PR_SET_PDEATHSIG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const SIGKILL = 9;

/** Orphans among our descendants become our children, instead of those of process 1. */
export function becomeSubreaper(): void {
  checked('prctl(PR_SET_CHILD_SUBREAPER)', syscall(numbers.prctl, PR_SET_CHILD_SUBREAPER, 1));
}

/** The kernel kills this process when the thread that started it ends. */
export function dieWithParent(): void {
  checked('prctl(PR_SET_PDEATHSIG)', syscall(numbers.prctl, PR_SET_PDEATHSIG, SIGKILL));
}

/** Moves this process into a process group of its session. */
export function joinProcessGroup(group: number): void {
  checked('setpgid', syscall(numbers.setpgid, 0, group));
}

/** No program that this process executes gets privileges from its file: what an unprivileged filter needs. */
export function setNoNewPrivileges(): void {
  checked('prctl(PR_SET_NO_NEW_PRIVS)', syscall(numbers.prctl, PR_SET_NO_NEW_PRIVS, 1));
}

/** How a child ended. */
export interface Exit {
  readonly pid: number;
  /** The exit code, where it ended by itself. */
  readonly code?: number;
  /** The signal that ended it. */
  readonly signal?: number;
}

const WNOHANG = 1;
const ECHILD = -errno.ECHILD;
const EINTR = -errno.EINTR;
const status = scratch(4);

/**
 * Reaps one child that ended.
 *
 * @param pid the child, or -1 for any
 * @param block wait for it
 * @returns undefined where none has ended yet, 'none' where there is no such child
 */
export function waitForChild(pid: number, block: boolean): Exit | 'none' | undefined {
  for (;;) {
    const result = syscall(numbers.wait4, pid, status.address, block ? 0 : WNOHANG, 0);
    if (result === EINTR) continue;
    if (result === ECHILD) return 'none';
    if (checked('wait4', result) === 0) return undefined;
    const word = status.view.getInt32(0, true);
    const signal = word & 0x7f;
    return signal === 0 ? { pid: result, code: (word >> 8) & 0xff } : { pid: result, signal };
  }
}

const PIDFD_THREAD = 0o200;

/**
 * A descriptor for the process of the thread `tid`.
 *
 * @returns the descriptor, or the negative error number
 */
export function openProcess(tid: number): number {
  const result = syscall(numbers.pidfd_open, tid, 0);
  // A thread that does not lead its process: Linux 6.9 and later open it with a flag of its own.
  return result >= 0 ? result : syscall(numbers.pidfd_open, tid, PIDFD_THREAD);
}

/** A copy of a descriptor of another process, or the negative error number. */
export function takeDescriptor(pidfd: number, fd: number): number {
  return syscall(numbers.pidfd_getfd, pidfd, fd, 0);
}

const RLIMIT_NOFILE = 7;
const limits = scratch(16);

/** The soft and hard limit on descriptors of a process, or undefined where it is gone or not ours to ask. */
export function descriptorLimits(pid: number): { soft: bigint; hard: bigint } | undefined {
  if (syscall(numbers.prlimit64, pid, RLIMIT_NOFILE, 0, limits.address) < 0) return undefined;
  return { soft: limits.view.getBigUint64(0, true), hard: limits.view.getBigUint64(8, true) };
}

/** Sets our own soft limit on descriptors; never above the hard one. */
export function setDescriptorLimit(soft: bigint): void {
  const own = descriptorLimits(0);
  if (own === undefined || soft > own.hard) return;
  limits.view.setBigUint64(0, soft, true);
  limits.view.setBigUint64(8, own.hard, true);
  checked('prlimit64', syscall(numbers.prlimit64, 0, RLIMIT_NOFILE, limits.address, 0));
}
