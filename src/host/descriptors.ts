/** Descriptors of this process: what Node has no API for. All of them are close-on-exec. */

import { constants, readSync, writeSync } from 'node:fs';
import { errno } from '../uapi/errno.js';
import { AT_EMPTY_PATH, AT_FDCWD, FD_CLOEXEC, fcntlCommands, openFlags } from '../uapi/fcntl.js';
import { MFD_ALLOW_SEALING, MFD_CLOEXEC } from '../uapi/memfd.js';
import { numbers } from './architecture.js';
import { SystemError, syscall } from './libc.js';
import { pathAddress, scratch } from './scratch.js';

const { O_CLOEXEC, O_PATH } = openFlags(process.arch);

/** @throws SystemError where `result` is the negative error number of a call that failed */
export function checked(operation: string, result: number): number {
  if (result < 0) throw new SystemError(operation, -result);
  return result;
}

export function close(fd: number): void {
  checked(`close of ${fd}`, syscall(numbers.close, fd));
}

const pair = scratch(8);

/** Two connected sockets that keep the borders of messages (`SOCK_SEQPACKET`). */
export function socketPair(): [number, number] {
  const AF_UNIX = 1;
  const SOCK_SEQPACKET_CLOEXEC = 5 | O_CLOEXEC;
  checked('socketpair', syscall(numbers.socketpair, AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, pair.address));
  return [pair.view.getInt32(0, true), pair.view.getInt32(4, true)];
}

/** A pipe: the end to read from, and the end to write to. */
export function pipe(): [number, number] {
  checked('pipe2', syscall(numbers.pipe2, pair.address, O_CLOEXEC));
  return [pair.view.getInt32(0, true), pair.view.getInt32(4, true)];
}

/** After this the other end reads an end of file at once, and ours can still see when it is closed. */
export function shutdownWriting(fd: number): void {
  checked('shutdown', syscall(numbers.shutdown, fd, 1));
}

const message = scratch(1 << 16);

/** Sends one message, which the kernel takes whole. `send` and not `write`, which a filter may trap. */
export function send(socket: number, text: string): void {
  const length = message.bytes.write(text, 'utf8');
  if (length < Buffer.byteLength(text))
    throw new RangeError(
      `Cannot send ${Buffer.byteLength(text)} bytes as a message: at most ${message.bytes.length} fit`,
    );
  const MSG_NOSIGNAL = 0x4000;
  checked('send', syscall(numbers.sendto, socket, message.address, length, MSG_NOSIGNAL));
}

/** Waits for one message. An empty one means that the other end was closed. */
export function receive(socket: number): string {
  const length = checked('recv', retrying(numbers.recvfrom, socket, message.address, message.bytes.length));
  return message.bytes.toString('utf8', 0, length);
}

/** Repeats a call for as long as a signal interrupts it. */
function retrying(number: number, a: number, b: number, c: number): number {
  const EINTR = -errno.EINTR;
  for (;;) {
    const result = syscall(number, a, b, c);
    if (result !== EINTR) return result;
  }
}

/** The identity and attributes of a file, as `stat` tells them. */
export interface Status {
  readonly device: bigint;
  readonly inode: bigint;
  readonly mode: number;
  readonly links: number;
  readonly size: bigint;
  /** The number of the device that a special file stands for. */
  readonly represents: bigint;
}

const STATX_BASIC_STATS = 0x7ff;
const STATX_INO = 0x100;
/** What is known already is enough: a file system of a program of ours must not be asked, which may wait for us. */
const AT_STATX_DONT_SYNC = 0x4000;

/** `struct statx`, the same on every architecture. */
const status = scratch(256);
/** `struct stat` of this architecture, of which the longest has 144 bytes. */
const statBuffer = scratch(144);

/** The status of the file that a path names, or the negative error number. */
export function statPath(path: string): Status | number {
  return statx(AT_FDCWD, path, 0);
}

export function statDescriptor(fd: number): Status {
  const result = statx(fd, '', AT_EMPTY_PATH);
  if (typeof result === 'number') throw new SystemError(`fstat of ${fd}`, -result);
  return result;
}

function statx(directory: number, path: string, flags: number): Status | number {
  const allFlags = flags | AT_STATX_DONT_SYNC;
  const result = syscall(numbers.statx, directory, pathAddress(path), allFlags, STATX_BASIC_STATS, status.address);
  if (result < 0) return result;
  const { view } = status;
  return {
    device: deviceNumber(view.getUint32(136, true), view.getUint32(140, true)),
    inode: view.getBigUint64(32, true),
    mode: view.getUint16(28, true),
    links: view.getUint32(16, true),
    size: view.getBigInt64(40, true),
    represents: deviceNumber(view.getUint32(128, true), view.getUint32(132, true)),
  };
}

/**
 * The inode number of the socket that a path such as `/proc/7/fd/3` leads to, or 0 where it leads to none. It is asked
 * for at every command of a program, so it is all that it tells.
 */
export function socketInode(path: string): number {
  const { view } = status;
  const result = syscall(numbers.statx, AT_FDCWD, pathAddress(path), AT_STATX_DONT_SYNC, STATX_INO, status.address);
  if (result < 0 || view.getUint32(136, true) !== sockets.major || view.getUint32(140, true) !== sockets.minor)
    return 0;
  return view.getUint32(32, true) + view.getUint32(36, true) * 2 ** 32;
}

/** The file system of all sockets. Inode numbers mean something only within one. */
const sockets = socketDevice();

function socketDevice(): { readonly major: number; readonly minor: number } {
  const [one, other] = socketPair();
  statDescriptor(one);
  close(one);
  close(other);
  return { major: status.view.getUint32(136, true), minor: status.view.getUint32(140, true) };
}

/** `makedev` of the C library. */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/** The first bytes of `struct stat` of a file, as the kernel writes it on this architecture. */
export function statBytes(path: string, length: number): Buffer {
  checked(`stat of ${path}`, syscall(numbers.newfstatat, AT_FDCWD, pathAddress(path), statBuffer.address, 0));
  return Buffer.from(statBuffer.bytes.subarray(0, length));
}

const systemStatus = scratch(128);

/** The magic number of the file system that holds the file, such as 0x01021994 for tmpfs. */
export function fileSystemMagic(fd: number): number {
  checked(`fstatfs of ${fd}`, syscall(numbers.fstatfs, fd, systemStatus.address));
  return Number(systemStatus.view.getBigUint64(0, true) & 0xffffffffn);
}

/** Opens a file. The descriptor is close-on-exec. */
export function open(path: string, flags: number): number {
  return checked(`open of ${path}`, syscall(numbers.openat, AT_FDCWD, pathAddress(path), flags | O_CLOEXEC, 0));
}

const openHow = scratch(4096);

/**
 * Opens a path from a directory on. The descriptor is close-on-exec.
 *
 * @param resolve `RESOLVE_*` bits
 * @returns the descriptor, or the negative error number
 */
export function openBeneath(directory: string, path: string, flags: number, resolve: number): number {
  const base = syscall(numbers.openat, AT_FDCWD, pathAddress(directory), O_PATH | O_CLOEXEC, 0);
  if (base < 0) return base;
  openHow.view.setBigUint64(0, BigInt((flags | O_CLOEXEC) >>> 0), true);
  openHow.view.setBigUint64(8, 0n, true);
  openHow.view.setBigUint64(16, BigInt(resolve), true);
  const fd = syscall(numbers.openat2, base, pathAddress(path), openHow.address, 24);
  close(base);
  return fd;
}

/**
 * Opens a file as a `struct open_how` of at most 4096 bytes says, and closes it again.
 *
 * @returns 0, or the negative error number
 */
export function tryOpenHow(path: string, how: Uint8Array): number {
  openHow.bytes.set(how);
  const fd = syscall(numbers.openat2, AT_FDCWD, pathAddress(path), openHow.address, how.length);
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

/** A new open file description of an open file, read and write. */
export function reopen(fd: number): number {
  return open(`/proc/self/fd/${fd}`, constants.O_RDWR);
}

/** An empty memfd. `sealable` allows seals to be added. */
export function createMemory(name: string, sealable: boolean): number {
  const flags = sealable ? MFD_CLOEXEC | MFD_ALLOW_SEALING : MFD_CLOEXEC;
  return checked('memfd_create', syscall(numbers.memfd_create, pathAddress(name), flags));
}

/** Makes a file shorter, or longer by a hole. `size` in bytes. */
export function resize(fd: number, size: bigint): void {
  checked(`ftruncate of ${fd}`, syscall(numbers.ftruncate, fd, size));
}

export function seek(fd: number, offset: number | bigint, whence: number): number {
  return syscall(numbers.lseek, fd, offset, whence);
}

export function getSeals(fd: number): number {
  return checked(`F_GET_SEALS of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_GET_SEALS));
}

/** Adds `F_SEAL_*` bits to a file that can be sealed and is open for writing. */
export function addSeals(fd: number, seals: number): void {
  checked(`F_ADD_SEALS of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_ADD_SEALS, seals));
}

/** The status flags and access mode of an open file, as `F_GETFL` tells them. */
export function statusFlags(fd: number): number {
  return checked(`F_GETFL of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_GETFL));
}

/** A second descriptor of the same open file. */
export function duplicate(fd: number): number {
  return checked(`dup of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_DUPFD_CLOEXEC, 0));
}

/** Sets or clears close-on-exec. Node sets it on 0, 1 and 2 when it starts. */
export function setCloseOnExec(fd: number, closeOnExec: boolean): void {
  checked(`F_SETFD of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_SETFD, closeOnExec ? FD_CLOEXEC : 0));
}

/** Makes this descriptor and all above it close-on-exec. */
export function setAllCloseOnExec(first: number): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  checked('close_range', syscall(numbers.close_range, first, 0xffffffff, CLOSE_RANGE_CLOEXEC));
}

/** Gives a file the attributes of one that was just made: all permissions, our user, times of now. */
export function renewAttributes(fd: number): void {
  // What the file's seals or its owner forbid stays as it is: the memory is what counts.
  syscall(numbers.fchmod, fd, 0o777);
  syscall(numbers.utimensat, fd, 0, 0, 0);
}

/** Sets the status flags of an open file, such as `O_NONBLOCK`. */
export function setStatusFlags(fd: number, flags: number): void {
  checked(`F_SETFL of ${fd}`, syscall(numbers.fcntl, fd, fcntlCommands.F_SETFL, flags));
}

/**
 * Reads at most `length` bytes: from `offset`, or from the file's position, which moves.
 *
 * @throws SystemError
 */
export function readBytes(fd: number, length: number, offset: bigint | undefined): Uint8Array {
  const bytes = Buffer.alloc(length);
  const count = fileResult(() => readSync(fd, bytes, 0, length, offset ?? null));
  return bytes.subarray(0, checked(`read of ${fd}`, count));
}

/**
 * Writes bytes: at `offset`, or at the file's position, which moves.
 *
 * @returns how many were written, or the negative error number
 */
export function writeBytes(fd: number, bytes: Uint8Array, offset: bigint | undefined): number {
  // Node's types know numbers alone; a position beyond 2^53 does not exist in a file system.
  return fileResult(() => writeSync(fd, bytes, 0, bytes.length, offset === undefined ? null : Number(offset)));
}

/** What a file function of Node's returns, or the negative error number. */
function fileResult(action: () => number): number {
  try {
    return action();
  } catch (error) {
    // Errors of Node's file functions carry the negative error number.
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}
