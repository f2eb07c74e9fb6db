/** What a path leads to, as far as that can be told without opening it. */
import { existsSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { SetupError } from '../host/directories.js';
import { errnoName } from '../uapi/errno.js';

/** A device, known by its number: it may have many paths. */
export interface Device {
  /** As it was given. */
  readonly path: string;
  /** `MAJOR-MINOR`. */
  readonly key: string;
  readonly rdev: number;
  readonly kind: 'pseudo-terminal' | 'other';
}

/** Unix 98 pseudo-terminals have eight major numbers for the masters and eight for the slaves. */
const FIRST_PTY = 128;
const LAST_PTY = 143;
const BSD_PTYS = [2, 3];
/** Virtual consoles and the ports of the 8250 driver share one, and have these minor numbers. */
const CONSOLES = 4;
const FIRST_SERIAL_MINOR = 64;
/** Those that only serial drivers have: `ttyS`, `ttyACM`, `ttyUSB`, and those of embedded UARTs. */
const SERIAL_MAJORS = [CONSOLES, 166, 188, 204];
/** `/dev/tty`, `/dev/console`, `/dev/ptmx`. */
const ALIASES = 5;
const PTMX = 2;

/**
 * Opens nothing: an open alone can start a device.
 *
 * @param action what follows "Cannot" in messages, such as `hold /dev/ttyS0`
 * @throws SetupError where it is no terminal, or no terminal that could be a serial port
 */
export function deviceAt(path: string, action: string): Device {
  const status = statusOf(path, action);
  if (!status.isCharacterDevice())
    throw new SetupError(`Cannot ${action}: it is no terminal. luo serial list shows the serial ports`);
  const [major, minor] = deviceNumbers(status.rdev);
  const key = `${major}-${minor}`;
  const isPty =
    (major >= FIRST_PTY && major <= LAST_PTY) || BSD_PTYS.includes(major) || (major === ALIASES && minor === PTMX);
  if (isPty) return { path, key, rdev: status.rdev, kind: 'pseudo-terminal' };
  if (major === ALIASES || (major === CONSOLES && minor < FIRST_SERIAL_MINOR)) {
    throw new SetupError(
      `Cannot ${action}: it is the terminal of a screen, or stands for another one. luo serial list shows the serial ports`,
    );
  }
  if (!isTty(key, major))
    throw new SetupError(`Cannot ${action}: it is no terminal. luo serial list shows the serial ports`);
  return { path, key, rdev: status.rdev, kind: 'other' };
}

function statusOf(path: string, action: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    // Errors of Node's file functions carry the error's name.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new SetupError(
        `Cannot ${action}: there is no such device. luo serial list shows those that are plugged in`,
      );
    throw new SetupError(`Cannot ${action}: its path cannot be followed (${code})`);
  }
}

/** Major and minor number, as the C library puts them together. */
export function deviceNumbers(rdev: number): [major: number, minor: number] {
  const number = BigInt(rdev);
  const major = ((number >> 32n) & 0xfffff000n) | ((number >> 8n) & 0xfffn);
  const minor = ((number >> 12n) & 0xffffff00n) | (number & 0xffn);
  return [Number(major), Number(minor)];
}

/** Without sysfs it is not known before it is opened. The ports that a machine of luo emulates are not in it. */
function isTty(key: string, major: number): boolean {
  if (!existsSync('/sys/dev/char')) return true;
  try {
    return basename(readlinkSync(`/sys/dev/char/${key.replace('-', ':')}/subsystem`)) === 'tty';
  } catch {
    return SERIAL_MAJORS.includes(major);
  }
}

/** Why a port cannot be opened, in words, and what to do about it. */
export function whyNotOpen(path: string, error: number): string {
  switch (errnoName(error)) {
    case 'EACCES':
    case 'EPERM':
      return `you may not open it. ${whoMay(path)}`;
    case 'EBUSY':
      return 'a program has it for itself alone (TIOCEXCL), or its driver does. End that program first';
    case 'ENOENT':
      return 'there is no such device. luo serial list shows those that are plugged in';
    case 'EIO':
    case 'ENXIO':
    case 'ENODEV':
      return 'there is no hardware behind it. luo serial list shows the ports that have some';
    case 'ENOTTY':
      return 'it is no terminal. luo serial list shows the serial ports';
    default:
      return `the kernel says ${errnoName(error)}`;
  }
}

const GROUP_READ_WRITE = 0o60;

function whoMay(path: string): string {
  const { mode, gid } = statSync(path);
  const group = groupName(gid);
  return (mode & GROUP_READ_WRITE) === GROUP_READ_WRITE
    ? `The group "${group}" may: join it with "sudo usermod -aG ${group} $USER", and log in again`
    : 'Its owner may: use sudo, or a udev rule that gives it to a group of yours';
}

function groupName(gid: number): string {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(gid));
    return line?.split(':')[0] ?? String(gid);
  } catch {
    return String(gid);
  }
}
