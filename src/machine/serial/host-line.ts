import { close, duplicate, open, setStatusFlags, statDescriptor } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { KernelError } from '../../kernel/error.js';
import { deviceAt, whyNotOpen } from '../../serial/device.js';
import { discard, getLines, getTermios, isExclusive, setExclusive, setTermios } from '../../serial/port.js';
import { ownDescriptors, usersOf } from '../../serial/users.js';
import { errnoName, knownErrno } from '../../uapi/errno.js';
import { openFlags } from '../../uapi/fcntl.js';
import { ECHO, TIOCM_DTR, TIOCM_RTS } from '../../uapi/tty.js';
import { SetupError } from '../directories.js';
import { say } from '../report.js';
import type { Watcher } from '../watcher.js';
import type { SerialLine, SerialOpened, SerialOpening } from './serial-line.js';

const { O_ACCMODE, O_NOCTTY, O_NONBLOCK, O_RDWR } = openFlags(process.arch);
const BOTH = TIOCM_DTR | TIOCM_RTS;
/** How often a port that was unplugged is looked for, in milliseconds. */
const LOOK = 500;

/** The open file that keeps a port as it is. */
interface Held {
  readonly fd: number;
  readonly device: bigint;
}

/**
 * A serial port of the host, which luo holds open: each open of a program is a second one, and no close is the last.
 * Its driver is the host's, and programs use it at full speed.
 */
export class HostLine implements SerialLine {
  readonly name: string;
  readonly path: string;
  readonly #watcher: Pick<Watcher, 'watchHangUp' | 'unwatch' | 'after'>;
  /** Undefined while it is unplugged. */
  #held: Held | undefined;
  #closed = false;

  /** @throws SetupError where it cannot be held, which says why */
  constructor(name: string, path: string, watcher: Pick<Watcher, 'watchHangUp' | 'unwatch' | 'after'>) {
    this.name = name;
    this.path = path;
    this.#watcher = watcher;
    // Some devices do something when they are opened: a watchdog starts.
    deviceAt(path, `hold ${path} as ${name}`);
    try {
      this.#hold();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw new SetupError(`Cannot hold ${path} as ${name}: ${whyNotOpen(path, error.errno)}`);
    }
  }

  get device(): bigint | undefined {
    return this.#held?.device;
  }

  get isThere(): boolean {
    return this.#held !== undefined;
  }

  get isHostFile(): boolean {
    return this.path === `/dev/${this.name}`;
  }

  get description(): string {
    return this.path;
  }

  /**
   * It does not wait for carrier, with or without O_NONBLOCK: nothing else could be done meanwhile.
   *
   * @throws KernelError EBUSY where a program has it for itself alone, or what the host says
   */
  open({ flags, keep, privileged }: SerialOpening): SerialOpened {
    const held = this.#held;
    if (held === undefined) {
      throw new KernelError('ENODEV', `Cannot open ${this.name}: ${this.path} has been unplugged`);
    }
    const own = flags & (O_ACCMODE | O_NONBLOCK);
    try {
      this.#beginAnew(held, privileged);
      // Each open raises both lines: where one of them is low, only the open file that is there moves none.
      const shares = keep && !hasBothLines(held.fd);
      const descriptor = shares ? duplicate(held.fd) : open(this.path, own | O_NOCTTY | O_NONBLOCK);
      setStatusFlags(descriptor, own & ~O_ACCMODE);
      return { descriptor };
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const code = knownErrno(error.errno) ?? 'EIO';
      throw new KernelError(code, `Cannot open ${this.name}: the host says ${errnoName(error.errno)} for ${this.path}`);
    }
  }

  begin(): void {}

  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  #hold(): void {
    const fd = open(this.path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    try {
      const termios = getTermios(fd);
      // What the device says while nobody has the port open must not be sent back to it.
      setTermios(fd, { ...termios, localFlags: termios.localFlags & ~ECHO });
      this.#held = { fd, device: statDescriptor(fd).represents };
    } catch (error) {
      close(fd);
      throw error;
    }
    // What the port receives is the programs' to read.
    this.#watcher.watchHangUp(fd, () => {
      say(`${this.path} has been unplugged: its lines and settings are lost. luo holds it again when it comes back`);
      this.#letGo();
      this.#lookForIt();
    });
  }

  #letGo(): void {
    if (this.#held === undefined) return;
    this.#watcher.unwatch(this.#held.fd);
    close(this.#held.fd);
    this.#held = undefined;
  }

  #lookForIt(): void {
    this.#watcher.after(LOOK, () => {
      if (this.#closed) return;
      try {
        this.#hold();
        say(`${this.path} is back, and held`);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.#lookForIt();
      }
    });
  }

  /**
   * The port was never closed: what it would have lost by that, it loses now. One that is preserved, and not retrieved yet,
   * is open. While a program has it for itself alone, the host would let luo's user pass, whoever asks.
   */
  #beginAnew(held: Held, privileged: boolean): void {
    const device = Number(held.device);
    const isPreserved = ownDescriptors(device) > 1;
    if (!isPreserved && usersOf(device).length === 0) {
      setExclusive(held.fd, false);
      discard(held.fd, 'input');
    } else if (!privileged && isExclusive(held.fd)) {
      throw new KernelError('EBUSY', `Cannot open ${this.name}: a program has it for itself alone (TIOCEXCL)`);
    }
  }
}

/** Whether both lines are asserted. A terminal without lines has none that could move. */
function hasBothLines(fd: number): boolean {
  try {
    return (getLines(fd) & BOTH) === BOTH;
  } catch (error) {
    if (error instanceof SystemError) return true;
    throw error;
  }
}
