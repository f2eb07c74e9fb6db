/** Datagrams of programs of this computer, which Node has no API for. */
import { errno } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { checked, close } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EAGAIN = -errno.EAGAIN;
const EINTR = -errno.EINTR;
/** `struct sockaddr_un` is { u16 family; char path[108] }. */
const LONGEST_PATH = 107;

const { O_CLOEXEC, O_NONBLOCK } = openFlags(process.arch);
const address = scratch(110);
const datagram = scratch(1 << 16);

/**
 * Sends a datagram of at most 64 KiB to the socket at a path. Where it begins with "@", the socket has a name of the
 * abstract namespace, as systemd writes it.
 *
 * @throws SystemError where nobody is there, and what the host says
 */
export function sendDatagram(path: string, text: string): void {
  const length = checked(`send to ${path}`, writeAddress(path));
  const size = datagram.bytes.write(text, 'utf8');
  const fd = createSocket(0);
  try {
    const sent = syscall(numbers.sendto, fd, datagram.address, size, MSG_NOSIGNAL, address.address, length);
    checked(`send to ${path}`, sent);
  } finally {
    close(fd);
  }
}

function createSocket(flags: number): number {
  return checked('socket', syscall(numbers.socket, AF_UNIX, SOCK_DGRAM | O_CLOEXEC | flags, 0));
}

/** @returns its length, or the negative error number for a path that is too long */
function writeAddress(path: string): number {
  const length = Buffer.byteLength(path);
  if (length > LONGEST_PATH) return -errno.ENAMETOOLONG;
  address.view.setUint16(0, AF_UNIX, true);
  address.bytes.fill(0, 2);
  address.bytes.write(path, 2, LONGEST_PATH, 'utf8');
  if (!path.startsWith('@')) return 2 + length + 1;
  address.bytes[2] = 0;
  return 2 + length;
}

/** A socket at a path, where others send datagrams to (`SOCK_DGRAM`). Whoever makes it removes the path. */
export class DatagramSocket {
  /** Readable when a datagram has come. */
  readonly fd: number;

  /** @throws SystemError where the path is taken, or longer than 107 bytes (ENAMETOOLONG) */
  constructor(path: string) {
    const length = checked(`bind to ${path}`, writeAddress(path));
    this.fd = createSocket(O_NONBLOCK);
    const result = syscall(numbers.bind, this.fd, address.address, length);
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
