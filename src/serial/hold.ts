/** One device, held open. */
import { close } from '../host/descriptors.js';
import { SetupError } from '../host/directories.js';
import { SystemError } from '../host/libc.js';
import { errno } from '../uapi/errno.js';
import { ECHO, encodeTermios, HUPCL, type Termios, TIOCM_DTR, TIOCM_RTS } from '../uapi/tty.js';
import { type Device, deviceAt, whyNotOpen } from './device.js';
import { openPlain, openUntouched } from './open-flags.js';
import { discard, getLines, getTermios, isExclusive, setExclusive, setLines, setTermios, unreadBytes } from './port.js';
import { hasOpen, type User, usersOf } from './users.js';

/** The lines that a program sets. What is undefined stays as it is. */
export interface LineSettings {
  readonly dtr?: boolean;
  readonly rts?: boolean;
}

export interface HoldOptions {
  readonly lines: LineSettings;
  /** Whether programs are refused that do not ask the holder; where a line is to be low, unless told otherwise. */
  readonly exclusive?: boolean | undefined;
  /** What becomes of the port at the end: `lines` leaves them as they are, `found` restores all settings. */
  readonly leave: 'lines' | 'found';
}

const ECHONL = 0o100;
const ECHOES = ECHO | ECHONL;
/** Of the 4095 bytes that a terminal keeps: when it is full, Linux takes RTS back (CRTSCTS) or sends XOFF. */
const MOST_UNREAD = 2048;

/**
 * Opens a device once and keeps it, so that each later open is a second one, and no close is the last.
 *
 * Methods throw a SystemError `EIO` once the device is gone.
 */
export class Hold {
  /** What the open did, in words. */
  readonly report: string;
  readonly #found: Termios;
  readonly #exclusive: boolean;
  #lastUser = 0;

  private constructor(
    readonly device: Device,
    /** Shared by all who were given it. */
    readonly fd: number,
    how: { readonly untouched: boolean; readonly users: readonly User[] },
    readonly options: HoldOptions,
  ) {
    this.#found = getTermios(fd);
    const opened = linesOf(fd);
    this.report = describeOpen(how, this.#found.outputSpeed === 0, opened);
    const { dtr, rts } = options.lines;
    this.#exclusive = options.exclusive ?? (dtr === false || rts === false);
    if (how.users.length === 0) this.#settle();
    else this.#set({ ...this.#found, controlFlags: this.#found.controlFlags & ~HUPCL });
    if (dtr !== undefined || rts !== undefined) setLines(fd, withLines(getLines(fd), options.lines));
    if (this.#exclusive) setExclusive(fd, true);
  }

  /** @throws SetupError where it cannot be held, with the reason */
  static open(path: string, options: HoldOptions): Hold {
    const action = `hold ${path}`;
    const device = deviceAt(path, action);
    if (device.kind === 'pseudo-terminal')
      throw new SetupError(`Cannot ${action}: it is a pseudo-terminal, which has no lines that an open could move`);
    return Hold.of(device, options);
  }

  /** Holds any terminal. @throws SetupError */
  static of(device: Device, options: HoldOptions): Hold {
    const users = usersOf(device.rdev);
    let fd: number | undefined;
    try {
      const untouched = openUntouched(device.path);
      fd = untouched ?? openPlain(device.path);
      return new Hold(device, fd, { untouched: untouched !== undefined, users }, options);
    } catch (error) {
      if (fd !== undefined) close(fd);
      if (!(error instanceof SystemError)) throw error;
      throw new SetupError(`Cannot hold ${device.path}: ${whyNotOpen(device.path, error.errno)}`);
    }
  }

  /** DTR and RTS; undefined for a terminal that has no lines. */
  get lines(): Required<LineSettings> | undefined {
    return linesOf(this.fd);
  }

  /** Whether its speed is 0 (B0): an open raises no line then, and the next speed that is set raises both. */
  get isSpeedZero(): boolean {
    return getTermios(this.fd).outputSpeed === 0;
  }

  get exclusive(): boolean {
    return this.#exclusive;
  }

  /**
   * Undoes what programs have left that are gone: Linux does that at the last close, which never comes.
   *
   * @returns what was undone that people should know of
   */
  tidy(): string[] {
    const { controlFlags, localFlags } = getTermios(this.fd);
    const exclusive = isExclusive(this.fd);
    const left = (controlFlags & HUPCL) !== 0 || (localFlags & ECHOES) !== 0;
    const unread = unreadBytes(this.fd) > MOST_UNREAD;
    if ((!left && !unread && exclusive === this.#exclusive) || this.isUsed) return [];
    this.#settle();
    if (unread) discard(this.fd, 'input');
    if (exclusive === this.#exclusive) return [];
    setExclusive(this.fd, this.#exclusive);
    return exclusive
      ? [`a program that is gone had ${this.device.path} for itself alone (TIOCEXCL): opened to all again`]
      : [];
  }

  /** Whether another process has the device open, as far as this user may see. */
  get isUsed(): boolean {
    const { rdev } = this.device;
    if (this.#lastUser !== 0 && hasOpen(this.#lastUser, rdev)) return true;
    this.#lastUser = usersOf(rdev)[0]?.pid ?? 0;
    return this.#lastUser !== 0;
  }

  /** Closes it as the options say. One that is gone is closed, too. */
  close(): void {
    try {
      this.#leave();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    close(this.fd);
  }

  #leave(): void {
    if (this.#exclusive) setExclusive(this.fd, false);
    if (this.options.leave === 'found') {
      this.#set(this.#found);
      return;
    }
    const now = getTermios(this.fd);
    const echo = this.isUsed ? 0 : this.#found.localFlags & ECHOES;
    this.#set({ ...now, controlFlags: now.controlFlags & ~HUPCL, localFlags: now.localFlags | echo });
  }

  /** Nobody reads: what the device says must not go back to it, and no close may drop the lines, that of a kill included. */
  #settle(): void {
    const now = getTermios(this.fd);
    const controlFlags = now.controlFlags & ~HUPCL;
    this.#set({ ...now, controlFlags, localFlags: now.localFlags & ~ECHOES });
  }

  /** Only what is new: a driver may do something at every setting, as FTDI's, which sends requests to the device. */
  #set(wanted: Termios): void {
    const now = encodeTermios(getTermios(this.fd));
    if (!Buffer.from(now).equals(encodeTermios(wanted))) setTermios(this.fd, wanted);
  }
}

/** Modem lines with some of them changed. */
export function withLines(lines: number, { dtr, rts }: LineSettings): number {
  const set = (bits: number, bit: number, on: boolean | undefined) =>
    on === undefined ? bits : on ? bits | bit : bits & ~bit;
  return set(set(lines, TIOCM_DTR, dtr), TIOCM_RTS, rts);
}

function linesOf(fd: number): Required<LineSettings> | undefined {
  try {
    const lines = getLines(fd);
    return { dtr: (lines & TIOCM_DTR) !== 0, rts: (lines & TIOCM_RTS) !== 0 };
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno.ENOTTY) return undefined;
    throw error;
  }
}

function describeOpen(
  { untouched, users }: { readonly untouched: boolean; readonly users: readonly User[] },
  isSpeedZero: boolean,
  lines: LineSettings | undefined,
): string {
  if (lines === undefined) return 'it has no lines that could move';
  if (untouched) return 'it was opened with O_NRESETDEV, which moved no line';
  if (isSpeedZero) return 'its driver has kept speed 0 (B0), so that this open raised no line';
  const [user] = users;
  if (user !== undefined)
    return `${user.name} (process ${user.pid}) has it open, so that this open raised no line but one that was low`;
  return (
    'nothing else has it open, as far as can be seen: at such a first open Linux raises DTR and RTS where they are ' +
    'low, and nothing could prevent it. A board that this resets was reset now, for the last time while luo holds it'
  );
}
