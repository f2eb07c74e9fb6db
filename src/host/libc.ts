/**
 * The C library, through koffi. Every native declaration of luo stands in this file, so that another way to call C
 * can take its place.
 *
 * koffi's pointers are plain numbers that nothing checks. They stay in this folder: the rest of luo hands in and gets
 * numbers, strings and byte arrays.
 */
import koffi from 'koffi';

const libc = koffi.load(null);

const native = {
  syscall: libc.func('syscall', 'int64', ['int64', 'uint64', 'uint64', 'uint64', 'uint64', 'uint64', 'uint64']),
  mmap: libc.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64']),
  mremap: libc.func('mremap', 'intptr_t', ['uintptr_t', 'size_t', 'size_t', 'int', 'void *']),
  munmap: libc.func('munmap', 'int', ['uintptr_t', 'size_t']),
  signal: libc.func('signal', 'intptr_t', ['int', 'intptr_t']),
  sigemptyset: libc.func('sigemptyset', 'int', ['void *']),
  sigprocmask: libc.func('sigprocmask', 'int', ['int', 'void *', 'void *']),
  execve: libc.func('execve', 'int', ['str', 'str *', 'str *']),
  tcgetattr: libc.func('tcgetattr', 'int', ['int', 'void *']),
  tcsetattr: libc.func('tcsetattr', 'int', ['int', 'int', 'void *']),
  tcgetpgrp: libc.func('tcgetpgrp', 'int', ['int']),
  tcsetpgrp: libc.func('tcsetpgrp', 'int', ['int', 'int']),
  getpgrp: libc.func('getpgrp', 'int', []),
  posixSpawn: libc.func('posix_spawn', 'int', ['void *', 'str', 'void *', 'void *', 'str *', 'str *']),
  fileActionsInit: libc.func('posix_spawn_file_actions_init', 'int', ['void *']),
  fileActionsDestroy: libc.func('posix_spawn_file_actions_destroy', 'int', ['void *']),
  fileActionsAddDup2: libc.func('posix_spawn_file_actions_adddup2', 'int', ['void *', 'int', 'int']),
  spawnattrInit: libc.func('posix_spawnattr_init', 'int', ['void *']),
  spawnattrDestroy: libc.func('posix_spawnattr_destroy', 'int', ['void *']),
  spawnattrSetflags: libc.func('posix_spawnattr_setflags', 'int', ['void *', 'short']),
};

/** An argument of a system call: a number, or an address. */
export type Argument = number | bigint;

/**
 * Makes a system call.
 *
 * @returns what the kernel returned, or the negative error number where it failed
 */
export function syscall(
  number: number,
  a: Argument = 0,
  b: Argument = 0,
  c: Argument = 0,
  d: Argument = 0,
  e: Argument = 0,
  f: Argument = 0,
): number {
  const result: number = native.syscall(number, a, b, c, d, e, f);
  return result === -1 ? -koffi.errno() : result;
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;

/** Mapped memory: the same bytes at an address and as an array. */
export interface Mapping {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * Maps `length` bytes: those of the file behind `fd`, shared with everybody who maps it, or new private ones.
 *
 * The mapping lives as long as the process: nothing could make sure that no array still refers to it.
 */
export function map(length: number, fd?: number): Mapping {
  const flags = fd === undefined ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  const address: number = native.mmap(0, length, PROT_READ | PROT_WRITE, flags, fd ?? -1, 0);
  if (address === -1) throw new SystemError('mmap', koffi.errno());
  return { address, bytes: new Uint8Array(koffi.view(BigInt(address), length)) };
}

/**
 * Maps bytes of the file behind `fd`, shared with everybody who maps it, where the array has its own memory, which is
 * given back.
 *
 * @param place begins at a page, of the file's size, and is as long as those that it covers; nothing else is in them
 * @param offset a whole number of pages
 * @throws SystemError and then the array is as it was
 */
export function mapInPlace(place: Uint8Array, fd: number, offset: number): void {
  const { length } = place;
  // Elsewhere first: what refuses a mapping at a fixed place may have unmapped what was there.
  const address: number = native.mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (address === -1) throw new SystemError('mmap', koffi.errno());
  const moved: number = native.mremap(address, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  if (moved !== -1) return;
  const error = koffi.errno();
  native.munmap(address, length);
  throw new SystemError('mmap', error);
}

/** Where an array lies in memory. */
export function addressOf(array: Uint8Array): bigint {
  return koffi.address(array);
}

const SIG_DFL = 0;
const SIG_IGN = 1;
const SIG_SETMASK = 2;
const SIGSET_SIZE = 128;

/** Gives every signal its default action and unblocks all: what a program expects to start with. */
export function resetSignals(): void {
  for (let signal = 1; signal <= 64; signal++) native.signal(signal, SIG_DFL);
  const none = new Uint8Array(SIGSET_SIZE);
  native.sigemptyset(none);
  native.sigprocmask(SIG_SETMASK, none, null);
}

/** Ignores a signal in this process, and in what it executes. */
export function ignoreSignal(signal: number): void {
  native.signal(signal, SIG_IGN);
}

/**
 * Replaces this process by a program. Comes back only where that failed.
 *
 * @returns the error number
 */
export function execute(file: string, argv: readonly string[], env: readonly string[]): number {
  native.execve(file, [...argv, null], [...env, null]);
  return koffi.errno();
}

const POSIX_SPAWN_SETPGROUP = 2;

/**
 * Starts a program as a child of this process, which must wait for it. It is in a process group of its own: no signal
 * of the terminal reaches it.
 *
 * @param descriptors the number that each descriptor of ours gets in the child, close-on-exec ones too
 * @returns the process id
 */
export function spawn(
  file: string,
  argv: readonly string[],
  env: readonly string[],
  descriptors: ReadonlyMap<number, number>,
): number {
  // The C library's types are 80 and 336 bytes in glibc and musl.
  const actions = new BigUint64Array(32);
  const attributes = new BigUint64Array(64);
  native.fileActionsInit(actions);
  native.spawnattrInit(attributes);
  try {
    native.spawnattrSetflags(attributes, POSIX_SPAWN_SETPGROUP);
    for (const [ours, theirs] of descriptors) native.fileActionsAddDup2(actions, ours, theirs);
    const pid = new Int32Array(1);
    const error: number = native.posixSpawn(pid, file, actions, attributes, [...argv, null], [...env, null]);
    if (error !== 0) throw new SystemError(`posix_spawn of ${file}`, error);
    return pid[0] ?? 0;
  } finally {
    native.fileActionsDestroy(actions);
    native.spawnattrDestroy(attributes);
  }
}

const TCSADRAIN = 1;
const TERMIOS_SIZE = 64;

/** The modes of a terminal, or undefined where the descriptor is none. */
export function terminalModes(fd: number): Uint8Array | undefined {
  const modes = new Uint8Array(TERMIOS_SIZE);
  return native.tcgetattr(fd, modes) === 0 ? modes : undefined;
}

/**
 * Takes the terminal back from programs that were killed: sets its modes, and puts our process group in the
 * foreground. A terminal that is somebody else's by now, such as the shell's that sent us to the background, stays so.
 */
export function takeTerminal(fd: number, modes: Uint8Array): void {
  const own = processGroup();
  const foreground: number = native.tcgetpgrp(fd);
  if (foreground !== own && groupExists(foreground)) return;
  native.tcsetpgrp(fd, own);
  native.tcsetattr(fd, TCSADRAIN, modes);
}

/** The process group of this process. */
export function processGroup(): number {
  return native.getpgrp();
}

function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    // Errors of process.kill carry the error's name. Any other than ESRCH means a group that is there.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A system call of luo's own that failed. */
export class SystemError extends Error {
  override readonly name = 'SystemError';

  constructor(
    readonly operation: string,
    /** Positive. */
    readonly errno: number,
  ) {
    super(`${operation}: error ${errno}`);
  }
}
