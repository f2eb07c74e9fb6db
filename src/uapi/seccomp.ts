/** `linux/seccomp.h`: filters and the notifications of system calls. */
import { ior, iow, iowr } from './ioctl.js';

export const SECCOMP_MODE_FILTER = 2;

export const SECCOMP_SET_MODE_STRICT = 0;
export const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_GET_ACTION_AVAIL = 2;
export const SECCOMP_GET_NOTIF_SIZES = 3;

export const SECCOMP_FILTER_FLAG_TSYNC = 0x01;
export const SECCOMP_FILTER_FLAG_LOG = 0x02;
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x04;
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x08;
export const SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10;
export const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20;

// What a filter answers. The low 16 bits are data, such as the error number of SECCOMP_RET_ERRNO.
export const SECCOMP_RET_KILL_PROCESS = 0x80000000;
export const SECCOMP_RET_KILL_THREAD = 0x00000000;
export const SECCOMP_RET_TRAP = 0x00030000;
export const SECCOMP_RET_ERRNO = 0x00050000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
export const SECCOMP_RET_TRACE = 0x7ff00000;
export const SECCOMP_RET_LOG = 0x7ffc0000;
export const SECCOMP_RET_ALLOW = 0x7fff0000;

/** The response that lets the system call go its normal way. */
export const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;
export const SECCOMP_ADDFD_FLAG_SETFD = 1;
export const SECCOMP_ADDFD_FLAG_SEND = 2;
/** The flag of SECCOMP_IOCTL_NOTIF_SET_FLAGS: wake the other side on the same CPU. */
export const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 1;

/** Bytes of each structure. A later kernel may have longer ones: SECCOMP_GET_NOTIF_SIZES tells. */
export const SeccompSize = { data: 64, notif: 80, notifResp: 24, notifAddfd: 24 } as const;

const MAGIC = 0x21;
export const SECCOMP_IOCTL_NOTIF_RECV = iowr(MAGIC, 0, SeccompSize.notif);
export const SECCOMP_IOCTL_NOTIF_SEND = iowr(MAGIC, 1, SeccompSize.notifResp);
export const SECCOMP_IOCTL_NOTIF_ID_VALID = iow(MAGIC, 2, 8);
/** The number that kernels before 5.17 know, which had the direction wrong. */
export const SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR = ior(MAGIC, 2, 8);
export const SECCOMP_IOCTL_NOTIF_ADDFD = iow(MAGIC, 3, SeccompSize.notifAddfd);
export const SECCOMP_IOCTL_NOTIF_SET_FLAGS = iow(MAGIC, 4, 8);

/** `struct seccomp_data`: s32 nr, u32 arch, u64 instruction_pointer, u64 args[6]. A filter loads from here. */
export const SeccompDataOffset = { nr: 0, arch: 4, instructionPointer: 8, args: 16 } as const;

/** `struct seccomp_notif` with the `seccomp_data` in it. */
export interface SeccompNotif {
  readonly id: bigint;
  readonly pid: number;
  readonly flags: number;
  readonly nr: number;
  readonly arch: number;
  readonly instructionPointer: bigint;
  readonly args: readonly bigint[];
}

/** `struct seccomp_notif_resp`. `error` is 0 or a negative error number, and `value` counts only with 0. */
export interface SeccompNotifResp {
  readonly id: bigint;
  readonly value: bigint;
  readonly error: number;
  readonly flags: number;
}

/** `struct seccomp_notif_addfd`. */
export interface SeccompNotifAddfd {
  readonly id: bigint;
  readonly flags: number;
  readonly sourceFd: number;
  readonly newFd: number;
  readonly newFdFlags: number;
}

const DATA_OFFSET = 16;
const ARGUMENT_COUNT = 6;

export function decodeSeccompNotif(bytes: Uint8Array): SeccompNotif {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = DATA_OFFSET;
  return {
    id: view.getBigUint64(0, true),
    pid: view.getUint32(8, true),
    flags: view.getUint32(12, true),
    nr: view.getInt32(data + SeccompDataOffset.nr, true),
    arch: view.getUint32(data + SeccompDataOffset.arch, true),
    instructionPointer: view.getBigUint64(data + SeccompDataOffset.instructionPointer, true),
    args: Array.from({ length: ARGUMENT_COUNT }, (_, i) =>
      view.getBigUint64(data + SeccompDataOffset.args + 8 * i, true),
    ),
  };
}

export function encodeSeccompNotif(notif: SeccompNotif): Uint8Array {
  const bytes = new Uint8Array(SeccompSize.notif);
  const view = new DataView(bytes.buffer);
  const data = DATA_OFFSET;
  view.setBigUint64(0, notif.id, true);
  view.setUint32(8, notif.pid, true);
  view.setUint32(12, notif.flags, true);
  view.setInt32(data + SeccompDataOffset.nr, notif.nr, true);
  view.setUint32(data + SeccompDataOffset.arch, notif.arch, true);
  view.setBigUint64(data + SeccompDataOffset.instructionPointer, notif.instructionPointer, true);
  for (const [i, argument] of notif.args.slice(0, ARGUMENT_COUNT).entries()) {
    view.setBigUint64(data + SeccompDataOffset.args + 8 * i, argument, true);
  }
  return bytes;
}

export function encodeSeccompNotifResp({ id, value, error, flags }: SeccompNotifResp): Uint8Array {
  const bytes = new Uint8Array(SeccompSize.notifResp);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id, true);
  view.setBigInt64(8, value, true);
  view.setInt32(16, error, true);
  view.setUint32(20, flags, true);
  return bytes;
}

export function decodeSeccompNotifResp(bytes: Uint8Array): SeccompNotifResp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: view.getBigUint64(0, true),
    value: view.getBigInt64(8, true),
    error: view.getInt32(16, true),
    flags: view.getUint32(20, true),
  };
}

export function encodeSeccompNotifAddfd(addfd: SeccompNotifAddfd): Uint8Array {
  const bytes = new Uint8Array(SeccompSize.notifAddfd);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, addfd.id, true);
  view.setUint32(8, addfd.flags, true);
  view.setUint32(12, addfd.sourceFd, true);
  view.setUint32(16, addfd.newFd, true);
  view.setUint32(20, addfd.newFdFlags, true);
  return bytes;
}

export function decodeSeccompNotifAddfd(bytes: Uint8Array): SeccompNotifAddfd {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    id: view.getBigUint64(0, true),
    flags: view.getUint32(8, true),
    sourceFd: view.getUint32(12, true),
    newFd: view.getUint32(16, true),
    newFdFlags: view.getUint32(20, true),
  };
}
