/** The numbers of the system calls that luo makes or traps. */

/** Calls that x86-64 and arm64 both have: [x86-64, arm64]. */
const both = {
  openat: [257, 56],
  openat2: [437, 437],
  close: [3, 57],
  close_range: [436, 436],
  dup: [32, 23],
  dup3: [292, 24],
  ioctl: [16, 29],
  fcntl: [72, 25],
  ftruncate: [77, 46],
  truncate: [76, 45],
  fallocate: [285, 47],
  readlinkat: [267, 78],
  fstat: [5, 80],
  newfstatat: [262, 79],
  statx: [332, 291],
  statfs: [137, 43],
  fstatfs: [138, 44],
  faccessat: [269, 48],
  faccessat2: [439, 439],
  read: [0, 63],
  readv: [19, 65],
  pread64: [17, 67],
  preadv: [295, 69],
  preadv2: [327, 286],
  write: [1, 64],
  writev: [20, 66],
  pwrite64: [18, 68],
  pwritev: [296, 70],
  pwritev2: [328, 287],
  sendfile: [40, 71],
  splice: [275, 76],
  tee: [276, 77],
  vmsplice: [278, 75],
  copy_file_range: [326, 285],
  lseek: [8, 62],
  madvise: [28, 233],
  process_madvise: [440, 440],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchown: [93, 55],
  utimensat: [280, 88],
  ppoll: [271, 73],
  pselect6: [270, 72],
  epoll_create1: [291, 20],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  reboot: [169, 142],
  seccomp: [317, 277],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  pidfd_send_signal: [424, 424],
  prctl: [157, 167],
  execve: [59, 221],
  execveat: [322, 281],
  memfd_create: [319, 279],
  mmap: [9, 222],
  munmap: [11, 215],
  mprotect: [10, 226],
  mremap: [25, 216],
  clone: [56, 220],
  clone3: [435, 435],
  exit: [60, 93],
  exit_group: [231, 94],
  wait4: [61, 260],
  waitid: [247, 95],
  kill: [62, 129],
  tgkill: [234, 131],
  getpid: [39, 172],
  gettid: [186, 178],
  getppid: [110, 173],
  setsid: [112, 157],
  setpgid: [109, 154],
  unshare: [272, 97],
  setns: [308, 268],
  prlimit64: [302, 261],
  socket: [41, 198],
  socketpair: [53, 199],
  connect: [42, 203],
  bind: [49, 200],
  listen: [50, 201],
  accept: [43, 202],
  accept4: [288, 242],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  shutdown: [48, 210],
  getsockopt: [55, 209],
  setsockopt: [54, 208],
  pipe2: [293, 59],
  eventfd2: [290, 19],
  signalfd4: [289, 74],
  timerfd_create: [283, 85],
  timerfd_settime: [286, 86],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  mount: [165, 40],
  umount2: [166, 39],
  chdir: [80, 49],
  fchdir: [81, 50],
  chroot: [161, 51],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  sigaltstack: [131, 132],
  getrandom: [318, 278],
  fsync: [74, 82],
  fdatasync: [75, 83],
  flock: [73, 32],
  ptrace: [101, 117],
  userfaultfd: [323, 282],
  set_tid_address: [218, 96],
  sched_setaffinity: [203, 122],
  sched_getaffinity: [204, 123],
  sched_yield: [24, 124],
  unlinkat: [263, 35],
  renameat2: [316, 276],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  symlinkat: [266, 36],
  linkat: [265, 37],
  getdents64: [217, 61],
  nanosleep: [35, 101],
  clock_nanosleep: [230, 115],
  futex: [202, 98],
  uname: [63, 160],
  getuid: [102, 174],
  geteuid: [107, 175],
  getgid: [104, 176],
  getegid: [108, 177],
} as const;

/** Calls of x86-64 that arm64, which came later, never had. */
const x64Only = {
  open: 2,
  creat: 85,
  dup2: 33,
  readlink: 89,
  stat: 4,
  lstat: 6,
  access: 21,
  poll: 7,
  select: 23,
  epoll_wait: 232,
  arch_prctl: 158,
  fork: 57,
  vfork: 58,
  pipe: 22,
  unlink: 87,
  rename: 82,
  mkdir: 83,
} as const;

export type CommonSyscall = keyof typeof both;
export type X64Syscall = keyof typeof x64Only;
export type SyscallName = CommonSyscall | X64Syscall;

/** The numbers on one architecture. A call that it does not have is undefined. */
export type SyscallNumbers = Readonly<Record<CommonSyscall, number> & Record<X64Syscall, number | undefined>>;

/**
 * The system call numbers of an architecture, by the name that Node has for it.
 *
 * @throws Error where luo has no table for the architecture
 */
export function syscallNumbers(architecture: string): SyscallNumbers {
  if (architecture === 'x64') return { ...commonNumbers(0), ...x64Only };
  if (architecture === 'arm64') return { ...commonNumbers(1), ...absent };
  throw new Error(`Cannot make system calls on architecture "${architecture}": luo runs on x64 and arm64`);
}

// Object.fromEntries forgets the keys; they are those of the table.
const absent = Object.fromEntries(Object.keys(x64Only).map((name) => [name, undefined])) as Record<
  X64Syscall,
  undefined
>;

function commonNumbers(column: 0 | 1): Record<CommonSyscall, number> {
  const entries = Object.entries(both).map(([name, numbers]) => [name, numbers[column]]);
  // As above.
  return Object.fromEntries(entries) as Record<CommonSyscall, number>;
}
