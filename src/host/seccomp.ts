/** Filters of system calls, and their user notification (Linux 5.0; replies with a descriptor since 5.14). */
import { errno } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import {
  decodeSeccompNotif,
  encodeSeccompNotifAddfd,
  encodeSeccompNotifResp,
  SECCOMP_ADDFD_FLAG_SEND,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_GET_ACTION_AVAIL,
  SECCOMP_GET_NOTIF_SIZES,
  SECCOMP_IOCTL_NOTIF_ADDFD,
  SECCOMP_IOCTL_NOTIF_ID_VALID,
  SECCOMP_IOCTL_NOTIF_RECV,
  SECCOMP_IOCTL_NOTIF_SEND,
  SECCOMP_IOCTL_NOTIF_SET_FLAGS,
  SECCOMP_RET_USER_NOTIF,
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE,
  SeccompSize,
} from '../uapi/seccomp.js';
import { numbers } from './architecture.js';
import { SystemError, syscall } from './libc.js';
import { scratch } from './scratch.js';

const EINVAL = -errno.EINVAL;
const { O_CLOEXEC } = openFlags(process.arch);

const word = scratch(8);

/** 0 where this kernel notifies, else the negative error number that it answers when it is asked. */
export function userNotificationSupport(): number {
  word.view.setUint32(0, SECCOMP_RET_USER_NOTIF, true);
  return syscall(numbers.seccomp, SECCOMP_GET_ACTION_AVAIL, 0, word.address);
}

const filter = scratch(4096 * 8);
const program = scratch(16);

/** Calls that were taken from the listener wait through every signal that does not kill. Linux 5.19. */
const KILLABLE = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

/**
 * Whether a signal interrupts calls that were taken from a listener. Linux says so of a filter that it is not given: flags
 * that it does not know are EINVAL, and what cannot be read is EFAULT.
 */
export const signalsInterrupt = syscall(numbers.seccomp, SECCOMP_SET_MODE_FILTER, KILLABLE, 0) === EINVAL;

/**
 * Installs a filter for this thread and for all that it starts from now on. It stays for ever.
 *
 * @param instructions `struct sock_filter`, 8 bytes each
 * @returns the descriptor that notifications come from (close-on-exec), or the negative error number
 */
export function installFilter(instructions: Uint8Array): number {
  filter.bytes.set(instructions);
  program.view.setUint16(0, instructions.length / 8, true);
  program.view.setBigUint64(8, BigInt(filter.address), true);
  // Without it every signal makes a call start again, and a storm of signals makes it start for ever.
  const result = syscall(numbers.seccomp, SECCOMP_SET_MODE_FILTER, KILLABLE, program.address);
  if (result !== EINVAL) return result;
  return syscall(numbers.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, program.address);
}

/** A system call of a program that waits for its answer. */
export interface Notification {
  readonly id: bigint;
  /** The thread that made the call, as this process sees it. */
  readonly tid: number;
  readonly number: number;
  /** The six arguments. */
  readonly arguments: readonly bigint[];
}

/** The sizes that this kernel's structures have, which may be larger than those that luo knows. */
const sizes = scratch(8);
syscall(numbers.seccomp, SECCOMP_GET_NOTIF_SIZES, 0, sizes.address);
const request = scratch(Math.max(sizes.view.getUint16(0, true), SeccompSize.notif));
const response = scratch(Math.max(sizes.view.getUint16(2, true), SeccompSize.notifResp));
const addition = scratch(SeccompSize.notifAddfd);

/** Where notifications come from and answers go to. */
export class Listener {
  constructor(readonly fd: number) {
    // Wakes the program on the processor that answers, which is quicker. Linux 6.6; without it all works as well.
    syscall(numbers.ioctl, fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  }

  /**
   * Takes the next notification. Call it only when the descriptor is readable: it would block otherwise, and for ever
   * once the last program is gone.
   *
   * @returns undefined where the call was interrupted, or its program died, in the meantime
   */
  receive(): Notification | undefined {
    // The kernel refuses a request that is not zero.
    request.bytes.fill(0);
    const result = syscall(numbers.ioctl, this.fd, SECCOMP_IOCTL_NOTIF_RECV, request.address);
    if (result < 0) return undefined;
    const { id, pid, nr, args } = decodeSeccompNotif(request.bytes);
    return { id, tid: pid, number: nr, arguments: args };
  }

  /** Whether the program still waits. Ask after each look at its memory or at /proc: the number may be another's. */
  isValid(id: bigint): boolean {
    word.view.setBigUint64(0, id, true);
    return syscall(numbers.ioctl, this.fd, SECCOMP_IOCTL_NOTIF_ID_VALID, word.address) === 0;
  }

  /** Answers a call: with a result, or with the negative error number. Whether the program was there to take it. */
  respond(id: bigint, result: number): boolean {
    return this.#send(id, Math.max(result, 0), Math.min(result, 0), 0);
  }

  /** Lets the kernel carry out the call as if nothing had happened. */
  proceed(id: bigint): boolean {
    return this.#send(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  }

  /** Takes the next notification and lets the kernel carry out its call. */
  proceedNext(): void {
    const call = this.receive();
    if (call !== undefined) this.proceed(call.id);
  }

  #send(id: bigint, value: number, error: number, flags: number): boolean {
    response.bytes.set(encodeSeccompNotifResp({ id, value: BigInt(value), error, flags }));
    return syscall(numbers.ioctl, this.fd, SECCOMP_IOCTL_NOTIF_SEND, response.address) === 0;
  }

  /**
   * Puts a copy of our descriptor into the program, as the lowest that is free.
   *
   * @param respond also answers the call with the new number, in one step
   * @returns the number in the program, or the negative error number: EMFILE where it has no room, ENOENT where it
   * is gone
   */
  addDescriptor(id: bigint, fd: number, closeOnExec: boolean, respond: boolean): number {
    const flags = respond ? SECCOMP_ADDFD_FLAG_SEND : 0;
    const newFdFlags = closeOnExec ? O_CLOEXEC : 0;
    addition.bytes.set(encodeSeccompNotifAddfd({ id, flags, sourceFd: fd, newFd: 0, newFdFlags }));
    return syscall(numbers.ioctl, this.fd, SECCOMP_IOCTL_NOTIF_ADDFD, addition.address);
  }

  close(): void {
    const result = syscall(numbers.close, this.fd);
    if (result < 0) throw new SystemError(`close of listener ${this.fd}`, -result);
  }
}
