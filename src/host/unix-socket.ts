/**
 * Unix sockets that keep the borders of messages and pass descriptors (`SCM_RIGHTS`), which those of Node do not, and one
 * for Node whose descriptor is known. All of them are non-blocking.
 */
import { errno } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { checked, close } from './descriptors.js';
import { syscall } from './libc.js';
import { type Scratch, scratch } from './scratch.js';
import { AF_UNIX, unixAddress } from './unix-address.js';

const { O_CLOEXEC, O_NONBLOCK } = openFlags(process.arch);

const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const BACKLOG = 8;

/** `struct msghdr` with 64 bits: { name, u32 namelen, iov, iovlen, control, controllen, s32 flags }. */
const header = scratch(56);
/** `struct iovec`. */
const part = scratch(16);
const text = scratch(1 << 16);
/** `struct cmsghdr` is { u64 len; s32 level; s32 type }, and here one descriptor follows, padded to 8 bytes. */
const control = scratch(24);
const CONTROL_LENGTH = 20;

/**
 * Makes a socket to connect to at a path that is free.
 *
 * @throws RangeError where the path is too long, SystemError
 */
export function listenAt(path: string): number {
  return withSocket((socket) => {
    const { address, length } = unixAddress(path);
    checked(`bind to ${path}`, syscall(numbers.bind, socket, address, length));
    checked('listen', syscall(numbers.listen, socket, BACKLOG));
  });
}

/**
 * The same for streams of bytes, for Node to listen on: `server.listen({ fd })`.
 *
 * @throws RangeError where the path is too long, SystemError
 */
export function listenForStreams(path: string): number {
  return withSocket((socket) => {
    const { address, length } = unixAddress(path);
    checked(`bind to ${path}`, syscall(numbers.bind, socket, address, length));
  }, SOCK_STREAM);
}

/**
 * @throws SystemError `ENOENT` or `ECONNREFUSED` where nobody listens, `EAGAIN` where too many wait, and others
 * @throws RangeError where the path is too long
 */
export function connectTo(path: string): number {
  return withSocket((socket) => {
    const { address, length } = unixAddress(path);
    checked(`connect to ${path}`, syscall(numbers.connect, socket, address, length));
  });
}

/** The next connection, or undefined where there is none. */
export function acceptFrom(listener: number): number | undefined {
  const socket = syscall(numbers.accept4, listener, 0, 0, O_CLOEXEC | O_NONBLOCK);
  return socket < 0 ? undefined : socket;
}

function withSocket(prepare: (socket: number) => void, kind = SOCK_SEQPACKET): number {
  const socket = checked('socket', syscall(numbers.socket, AF_UNIX, kind | O_CLOEXEC | O_NONBLOCK, 0));
  try {
    prepare(socket);
    return socket;
  } catch (error) {
    close(socket);
    throw error;
  }
}

/** A message, and the descriptor that came with it, which is the receiver's to close. */
export interface Received {
  /** Empty where the other end was closed. */
  readonly text: string;
  readonly descriptor?: number;
}

/**
 * Sends a message of less than 64 KiB, and a descriptor with it.
 *
 * @throws SystemError `EPIPE` where nobody is there any more, `EAGAIN` where the other end does not read
 */
export function sendMessage(socket: number, message: string, descriptor?: number): void {
  const length = text.bytes.write(message);
  setHeader(length, descriptor === undefined ? 0 : CONTROL_LENGTH + 4);
  if (descriptor !== undefined) {
    control.view.setBigUint64(0, BigInt(CONTROL_LENGTH), true);
    control.view.setInt32(8, SOL_SOCKET, true);
    control.view.setInt32(12, SCM_RIGHTS, true);
    control.view.setInt32(16, descriptor, true);
  }
  checked('sendmsg', syscall(numbers.sendmsg, socket, header.address, MSG_NOSIGNAL));
}

/**
 * Receives a message, or undefined where none has come.
 *
 * @throws SystemError
 */
export function receiveMessage(socket: number): Received | undefined {
  setHeader(text.bytes.length, control.bytes.length);
  control.bytes.fill(0);
  const length = syscall(numbers.recvmsg, socket, header.address, MSG_CMSG_CLOEXEC);
  if (length === -errno.EAGAIN || length === -errno.EINTR) return undefined;
  checked('recvmsg', length);
  const message = text.bytes.toString('utf8', 0, length);
  const passed = control.view.getInt32(8, true) === SOL_SOCKET && control.view.getInt32(12, true) === SCM_RIGHTS;
  return passed ? { text: message, descriptor: control.view.getInt32(16, true) } : { text: message };
}

function setHeader(length: number, controlLength: number): void {
  setPointer(part, 0, text.address);
  part.view.setBigUint64(8, BigInt(length), true);
  header.bytes.fill(0);
  setPointer(header, 16, part.address);
  header.view.setBigUint64(24, 1n, true);
  setPointer(header, 32, controlLength === 0 ? 0 : control.address);
  header.view.setBigUint64(40, BigInt(controlLength), true);
}

function setPointer({ view }: Scratch, offset: number, value: number): void {
  view.setBigUint64(offset, BigInt(value), true);
}
