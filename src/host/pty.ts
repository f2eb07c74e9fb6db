/** Pseudo-terminals: what a program has as a terminal, and what this process has behind it. */
import { constants } from 'node:fs';
import { openFlags } from '../uapi/fcntl.js';
import { numbers } from './architecture.js';
import { checked, deviceNumber, open } from './descriptors.js';
import { ioctl } from './ioctl.js';
import { syscall } from './libc.js';

const { O_CLOEXEC } = openFlags(process.arch);
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
/** Pseudo-terminals have the first of eight major numbers, each with 2^20 minor ones. */
const PTY_MAJOR = 136;

export interface Pty {
  /** Our end: what the programs write is read here. Non-blocking. */
  readonly master: number;
  /** The device number of the programs' end. */
  readonly device: bigint;
  /** Where the programs' end is, where `/dev/pts` is mounted. */
  readonly path: string;
}

/** Closing `master` hangs the terminal up. @throws SystemError where the host has no pseudo-terminals left */
export function openPty(): Pty {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const master = open('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK);
  const value = new Uint8Array(4);
  checked('TIOCSPTLCK', ioctl(master, TIOCSPTLCK, value));
  checked('TIOCGPTN', ioctl(master, TIOCGPTN, value));
  const number = new DataView(value.buffer).getUint32(0, true);
  return { master, device: deviceNumber(PTY_MAJOR, number), path: `/dev/pts/${number}` };
}

/**
 * A new open file of the programs' end. No file system need have it under a name.
 *
 * @param flags of `open`
 */
export function openPeer(master: number, flags: number): number {
  return checked('TIOCGPTPEER', syscall(numbers.ioctl, master, TIOCGPTPEER, flags | constants.O_NOCTTY | O_CLOEXEC));
}
