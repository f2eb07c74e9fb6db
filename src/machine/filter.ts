/**
 * The filter that every program of a machine runs under: which system calls come to luo. All others run at full speed.
 *
 * It serves programs and confines nobody: what it lets through is the kernel's business.
 */
import { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 } from '../uapi/audit.js';
import { errno } from '../uapi/errno.js';
import { AT_EMPTY_PATH, fcntlCommands } from '../uapi/fcntl.js';
import { LIVEUPDATE_IOCTL_TYPE } from '../uapi/liveupdate.js';
import { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF } from '../uapi/seccomp.js';
import { type SyscallName, syscallNumbers } from '../uapi/syscalls.js';
import { TTY_IOCTL_TYPE } from '../uapi/tty.js';
import {
  assemble,
  DATA_ARCHITECTURE,
  DATA_NUMBER,
  dataArgument,
  give,
  type Instruction,
  ifAtLeast,
  ifEqual,
  load,
  mask,
  skipIfEqual,
} from './bpf.js';

/** What a 32-bit program of the same processor has: how the kernel marks its calls, and numbers of some of them. */
interface CompatibleArchitecture {
  readonly architecture: number;
  /** `reboot`, `kexec_load` and, where there is one, `kexec_file_load`. */
  readonly power: readonly number[];
}

interface Architecture {
  readonly native: number;
  readonly compatible: CompatibleArchitecture;
}

const architectures: ReadonlyMap<string, Architecture> = new Map([
  ['x64', { native: AUDIT_ARCH_X86_64, compatible: { architecture: AUDIT_ARCH_I386, power: [88, 283] } }],
  ['arm64', { native: AUDIT_ARCH_AARCH64, compatible: { architecture: AUDIT_ARCH_ARM, power: [88, 347, 401] } }],
]);

/** System calls of x32 have this bit in their number. */
const X32_SYSCALL_BIT = 0x40000000;

/** The number of a call that a debugger has taken out, to give its own result. */
const SKIPPED_CALL = 0xffffffff;

/** Brings a network interface up or down. kexec-tools does it before it jumps. */
export const SIOCSIFFLAGS = 0x8914;
export const MADV_REMOVE = 9;
export const MSG_NOSIGNAL = 0x4000;

/** Comes to luo only where an argument, masked, has a value. */
interface Condition {
  readonly argument: number;
  readonly mask?: number;
  readonly equals: number;
}

/** A system call that comes to luo: always, or where one of the conditions holds. */
interface Trap {
  readonly call: SyscallName;
  readonly when?: readonly Condition[];
}

/** What programs need of luo: the device and its descriptors, kexec and reboot, and files that must not change size. */
const ordinaryTraps: readonly Trap[] = [
  { call: 'open' },
  { call: 'openat' },
  { call: 'openat2' },
  { call: 'creat' },
  {
    call: 'ioctl',
    when: [
      { argument: 1, mask: 0xff00, equals: LIVEUPDATE_IOCTL_TYPE << 8 },
      { argument: 1, equals: SIOCSIFFLAGS },
    ],
  },
  { call: 'fcntl', when: [{ argument: 1, equals: fcntlCommands.F_ADD_SEALS }] },
  { call: 'ftruncate' },
  { call: 'truncate' },
  { call: 'fallocate' },
  { call: 'readlink' },
  { call: 'readlinkat' },
  { call: 'fstatfs' },
  { call: 'stat' },
  { call: 'lstat' },
  // With AT_EMPTY_PATH and nothing else it is what `fstat` of the C library makes: no path to look at.
  { call: 'newfstatat', when: [{ argument: 3, mask: AT_EMPTY_PATH, equals: 0 }] },
  { call: 'statx', when: [{ argument: 2, mask: AT_EMPTY_PATH, equals: 0 }] },
  { call: 'access' },
  { call: 'faccessat' },
  { call: 'faccessat2' },
  { call: 'getxattr' },
  { call: 'lgetxattr' },
  { call: 'listxattr' },
  { call: 'llistxattr' },
  // It would hang up our end of a session that others still hold.
  { call: 'shutdown' },
  { call: 'kexec_load' },
  { call: 'kexec_file_load' },
  { call: 'reboot' },
];

/** What a strict machine answers too, as the kernel would, at a cost for every program that reads or writes. */
const strictTraps: readonly Trap[] = [
  { call: 'ioctl' },
  {
    call: 'fcntl',
    when: [
      { argument: 1, equals: fcntlCommands.F_ADD_SEALS },
      { argument: 1, equals: fcntlCommands.F_GETFL },
    ],
  },
  { call: 'newfstatat' },
  { call: 'statx' },
  { call: 'fstat' },
  { call: 'fchmod' },
  { call: 'fchown' },
  // Without a path it is what `futimens` of the C library makes.
  { call: 'utimensat', when: [{ argument: 1, equals: 0 }] },
  { call: 'epoll_ctl' },
  { call: 'read' },
  { call: 'readv' },
  { call: 'pread64' },
  { call: 'preadv' },
  { call: 'preadv2' },
  { call: 'write' },
  { call: 'writev' },
  { call: 'pwrite64' },
  { call: 'pwritev' },
  { call: 'pwritev2' },
  { call: 'sendfile' },
  { call: 'splice' },
  { call: 'copy_file_range' },
  // The launcher says that it is ready with MSG_NOSIGNAL, before anybody listens who could let the call go on.
  { call: 'sendto', when: [{ argument: 3, mask: MSG_NOSIGNAL, equals: 0 }] },
  { call: 'sendmsg' },
  { call: 'recvfrom' },
  { call: 'recvmsg' },
  { call: 'getsockopt' },
  { call: 'setsockopt' },
  { call: 'getsockname' },
  { call: 'getpeername' },
  { call: 'madvise', when: [{ argument: 2, equals: MADV_REMOVE }] },
];

/** What a machine with serial ports answers. */
const ttyCommands: Condition = { argument: 1, mask: 0xff00, equals: TTY_IOCTL_TYPE << 8 };

export interface FilterOptions {
  readonly strict: boolean;
  /** Whether the machine has serial ports. */
  readonly serial?: boolean;
}

/**
 * The filter's instructions.
 *
 * @throws Error for an architecture that luo has no table for
 */
export function filterProgram(architecture: string, { strict, serial = false }: FilterOptions): Uint8Array {
  const numbers = syscallNumbers(architecture);
  const known = architectures.get(architecture);
  if (known === undefined)
    throw new Error(`Cannot make a filter for the architecture "${architecture}": luo knows x64 and arm64`);
  const { native, compatible } = known;
  const traps = new Map([...ordinaryTraps, ...(strict ? strictTraps : [])].map((trap) => [trap.call, trap]));
  const instructions: Instruction[] = [
    load(DATA_ARCHITECTURE),
    ...compatibleCalls(compatible),
    // No kernel of today runs a third architecture; one that does gives its programs no system calls here.
    skipIfEqual(native),
    refuse(errno.ENOSYS),
    load(DATA_NUMBER),
    ifAtLeast(X32_SYSCALL_BIT, 2),
    skipIfEqual(SKIPPED_CALL),
    refuse(errno.ENOSYS),
  ];
  for (const { call, when } of traps.values()) {
    const number = numbers[call];
    if (number === undefined) continue;
    const conditions = serial && call === 'ioctl' && when !== undefined ? [...when, ttyCommands] : when;
    const answer = conditions === undefined ? [notify] : [...conditions.flatMap(conditional), allow];
    instructions.push(ifEqual(number, answer.length), ...answer);
  }
  // Calls of io_uring pass every filter: a strict machine has none.
  if (strict) instructions.push(ifEqual(numbers.io_uring_setup, 1), refuse(errno.ENOSYS));
  instructions.push(allow);
  return assemble(instructions);
}

const allow = give(SECCOMP_RET_ALLOW);
const notify = give(SECCOMP_RET_USER_NOTIF);
const refuse = (error: number) => give(SECCOMP_RET_ERRNO | error);

function conditional({ argument, mask: bits, equals }: Condition): Instruction[] {
  const masked = bits === undefined ? [] : [mask(bits)];
  return [load(dataArgument(argument)), ...masked, ifEqual(equals, 1), notify];
}

/**
 * 32-bit programs run, without a device: luo reads only the native layout of calls. What would stop the host itself
 * is refused to them.
 */
function compatibleCalls({ architecture, power }: CompatibleArchitecture): Instruction[] {
  const calls = [load(DATA_NUMBER), ...power.flatMap((call) => [ifEqual(call, 1), refuse(errno.EPERM)]), allow];
  return [ifEqual(architecture, calls.length), ...calls];
}
