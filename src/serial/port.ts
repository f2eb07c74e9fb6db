/** What is asked of an open serial port. A hung-up one answers everything with `EIO`. */

import { numbers } from '../host/architecture.js';
import { checked } from '../host/descriptors.js';
import { ioctl } from '../host/ioctl.js';
import { SystemError, syscall } from '../host/libc.js';
import { errno } from '../uapi/errno.js';
import { decodeTermios, encodeTermios, TERMIOS2_SIZE, type Termios, ttyCommands } from '../uapi/tty.js';

const FIONREAD = 0x541b;
const TIOCOUTQ = 0x5411;
const TIOCSERGETLSR = 0x5459;
const TIOCSER_TEMT = 1;
const TCIFLUSH = 0;
const TCOFLUSH = 1;
const TCIOFLUSH = 2;

/** @throws SystemError `ENOTTY` where the descriptor is no terminal */
export function getTermios(fd: number): Termios {
  const bytes = new Uint8Array(TERMIOS2_SIZE);
  checked('TCGETS2', ioctl(fd, ttyCommands.TCGETS2, bytes));
  return decodeTermios(bytes);
}

/** Sets all at once, and at once. @throws SystemError */
export function setTermios(fd: number, termios: Termios): void {
  checked('TCSETS2', ioctl(fd, ttyCommands.TCSETS2, encodeTermios(termios)));
}

/** The modem lines as `TIOCM_*` bits. @throws SystemError `ENOTTY` where a terminal has none */
export function getLines(fd: number): number {
  return getNumber(fd, ttyCommands.TIOCMGET, 'TIOCMGET');
}

/**
 * Sets all lines that can be set, in one call of the kernel's: those that change do so together.
 *
 * @param lines `TIOCM_*` bits: what getLines() gave, and what is to change. What is left out falls, OUT2 included,
 * without which the interrupts of a PC's port go nowhere
 * @throws SystemError
 */
export function setLines(fd: number, lines: number): void {
  checked('TIOCMSET', ioctl(fd, ttyCommands.TIOCMSET, numberBytes(lines)));
}

/** Whether every open but those of root is refused with `EBUSY`. @throws SystemError */
export function isExclusive(fd: number): boolean {
  return getNumber(fd, ttyCommands.TIOCGEXCL, 'TIOCGEXCL') !== 0;
}

export function setExclusive(fd: number, exclusive: boolean): void {
  const command = exclusive ? ttyCommands.TIOCEXCL : ttyCommands.TIOCNXCL;
  checked('TIOCEXCL', syscall(numbers.ioctl, fd, command, 0));
}

/** Begins a break, or ends it. @throws SystemError */
export function setBreak(fd: number, on: boolean): void {
  const command = on ? ttyCommands.TIOCSBRK : ttyCommands.TIOCCBRK;
  checked(on ? 'TIOCSBRK' : 'TIOCCBRK', syscall(numbers.ioctl, fd, command, 0));
}

/** How many bytes wait to be read. @throws SystemError */
export function unreadBytes(fd: number): number {
  return getNumber(fd, FIONREAD, 'TIOCINQ');
}

/** Whether all that was written has left the port, as far as its driver tells. @throws SystemError */
export function isDrained(fd: number): boolean {
  if (getNumber(fd, TIOCOUTQ, 'TIOCOUTQ') > 0) return false;
  const status = numberBytes(0);
  // Many drivers do not tell what is left in the hardware.
  if (ioctl(fd, TIOCSERGETLSR, status) < 0) return true;
  return (new DataView(status.buffer).getInt32(0, true) & TIOCSER_TEMT) !== 0;
}

/** Drops what was received and not read, what was written and not sent, or both. @throws SystemError */
export function discard(fd: number, what: 'input' | 'output' | 'both'): void {
  const queue = { input: TCIFLUSH, output: TCOFLUSH, both: TCIOFLUSH }[what];
  checked('TCFLSH', syscall(numbers.ioctl, fd, ttyCommands.TCFLSH, queue));
}

/** Whether the device behind the descriptor is gone for good: unplugged, or hung up. */
export function isHungUp(fd: number): boolean {
  try {
    getTermios(fd);
    return false;
  } catch (error) {
    return error instanceof SystemError && (error.errno === errno.EIO || error.errno === errno.ENODEV);
  }
}

function getNumber(fd: number, command: number, name: string): number {
  const bytes = numberBytes(0);
  checked(name, ioctl(fd, command, bytes));
  return new DataView(bytes.buffer).getInt32(0, true);
}

function numberBytes(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
