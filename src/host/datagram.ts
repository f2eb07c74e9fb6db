/** Datagrams of programs of this computer, which Node has no API for. */
import { errno } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { checked, close } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';
import { AF_UNIX, unixAddress } from './unix-address.js';

const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = -errno.EAGAIN;
const EINTR = -errno.EINTR;

const { O_CLOEXEC, O_NONBLOCK } = openFlags(process.arch);
const datagram = scratch(1 << 16);

/**
 * A socket whose messages go to the datagram socket of that name, such as that of a service manager. Sending waits while
 * the other end is behind.
 *
 * @param name a path, or "@" and a name that is in no file system
 * @throws SystemError `ENOENT` or `ECONNREFUSED` where nobody is there
 * @throws RangeError where the name is too long
 */
export function connectDatagram(name: string): number {
  const { address, length } = unixAddress(name);
  const fd = createSocket(0);
  const result = syscall(numbers.connect, fd, address, length);
  if (result < 0) close(fd);
  checked(`connect to ${name}`, result);
  return fd;
}

/**
 * Sends a datagram of at most 64 KiB.
 *
 * @param name as `connectDatagram` has it
 * @throws what that does, and SystemError for what the host says
 */
export function sendDatagram(name: string, text: string): void {
  const fd = connectDatagram(name);
  try {
    const size = datagram.bytes.write(text, 'utf8');
    checked(`send to ${name}`, syscall(numbers.sendto, fd, datagram.address, size, MSG_NOSIGNAL, 0, 0));
  } finally {
    close(fd);
  }
}

function createSocket(flags: number): number {
  return checked('socket', syscall(numbers.socket, AF_UNIX, SOCK_DGRAM | O_CLOEXEC | flags, 0));
}

/** A socket at a path, where others send datagrams to (`SOCK_DGRAM`). Whoever makes it removes the path. */
export class DatagramSocket {
  /** Readable when a datagram has come. */
  readonly fd: number;

  /** @throws SystemError where the path is taken, RangeError where it is too long */
  constructor(path: string) {
    const { address, length } = unixAddress(path);
    this.fd = createSocket(O_NONBLOCK);
    const result = syscall(numbers.bind, this.fd, address, length);
    if (result < 0) close(this.fd);
    checked(`bind to ${path}`, result);
  }

  /**
   * The next datagram, or undefined where none has come. Of one that is longer than 64 KiB, what fits. Descriptors that
   * were sent with it are closed.
   */
  receive(): string | undefined {
    for (;;) {
      const length = syscall(numbers.recvfrom, this.fd, datagram.address, datagram.bytes.length, MSG_DONTWAIT);
      if (length === EINTR) continue;
      if (length === EAGAIN) return undefined;
      return datagram.bytes.toString('utf8', 0, checked('recv', length));
    }
  }

  close(): void {
    close(this.fd);
  }
}
