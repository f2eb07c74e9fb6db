import { openSync } from 'node:fs';
import { open } from '../../host/descriptors.js';
import { ioctl } from '../../host/ioctl.js';
import { openFlags } from '../../uapi/fcntl.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = openFlags(process.arch);
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;

/** A pseudo-terminal: bytes as a port has them, and no lines. */
export interface Pty {
  /** The other end, non-blocking. Its close hangs the terminal up. */
  readonly master: number;
  /** The path of the terminal. */
  readonly path: string;
}

/** @throws SystemError where there are no pseudo-terminals here */
export function openPty(): Pty {
  const master = open('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK);
  const value = new Uint8Array(4);
  ioctl(master, TIOCSPTLCK, value);
  ioctl(master, TIOCGPTN, value);
  return { master, path: `/dev/pts/${new DataView(value.buffer).getUint32(0, true)}` };
}

/** Opens a terminal as any program does. @throws NodeJS.ErrnoException */
export function openTerminal(path: string): number {
  return openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
}
