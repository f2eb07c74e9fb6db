import { Socket } from 'node:net';
import { openFlags } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { checked, close, setStatusFlags, statusFlags } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const { O_CLOEXEC, O_NONBLOCK } = openFlags(process.arch);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const pair = scratch(8);

/**
 * Reads and writes an open file by Node's event loop: no thread waits for it. Node's own stream for terminals opens them
 * once more, and its others take none. So this takes the stream of a socket, and puts the open file behind its number
 * before Node has waited for it.
 *
 * @param fd an open file that can be polled. It becomes non-blocking. The stream has a descriptor of its own
 * @returns a stream that nothing has been read from. `end()` does not work on it: it ends by `destroy()`
 */
export function openByteStream(fd: number): Socket {
  setStatusFlags(fd, statusFlags(fd) | O_NONBLOCK);
  checked('socketpair', syscall(numbers.socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, pair.address));
  const [one, other] = [pair.view.getInt32(0, true), pair.view.getInt32(4, true)];
  const stream = new Socket({ fd: one, readable: true, writable: true, allowHalfOpen: true });
  checked('dup3', syscall(numbers.dup3, fd, one, O_CLOEXEC));
  close(other);
  return stream;
}
