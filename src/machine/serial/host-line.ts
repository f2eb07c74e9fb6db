import { close, duplicate, open, setStatusFlags, statDescriptor } from '../../host/descriptors.js';
import { ioctl } from '../../host/ioctl.js';
import { SystemError } from '../../host/libc.js';
import { KernelError } from '../../kernel/error.js';
import { whyNotOpen } from '../../serial/device.js';
import { usersOf } from '../../serial/users.js';
import { errno, errnoName, knownErrno } from '../../uapi/errno.js';
import { openFlags } from '../../uapi/fcntl.js';
import { TIOCM_DTR, TIOCM_RTS, ttyCommands } from '../../uapi/tty.js';
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
    this.#checkExclusive(held, privileged);
    const own = flags & (O_ACCMODE | O_NONBLOCK);
    // Each open raises both lines: where one of them is low, only the open file that is there moves none.
    const shares = keep && (linesOf(held) & BOTH) !== BOTH;
    const descriptor = shares ? duplicate(held.fd) : this.#reopen(own);
    setStatusFlags(descriptor, own & ~O_ACCMODE);
    return { descriptor };
  }

  begin(): void {}

  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  #hold(): void {
    const fd = open(this.path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    const { represents } = statDescriptor(fd);
    if (ioctl(fd, ttyCommands.TCGETS, new Uint8Array(64)) < 0) {
      close(fd);
      throw new SystemError(`open of ${this.path}`, errno.ENOTTY);
    }
    this.#held = { fd, device: represents };
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

  /** The host would let luo's user pass, whoever asks. */
  #checkExclusive(held: Held, privileged: boolean): void {
    if (!isExclusive(held)) return;
    if (usersOf(Number(held.device)).length > 0) {
      if (privileged) return;
      throw new KernelError('EBUSY', `Cannot open ${this.name}: a program has it for itself alone (TIOCEXCL)`);
    }
    // That program is gone, and its claim has stayed: the port was never closed.
    ioctl(held.fd, ttyCommands.TIOCNXCL, new Uint8Array(4));
  }

  /** @throws KernelError what the host says */
  #reopen(flags: number): number {
    try {
      return open(this.path, flags | O_NOCTTY | O_NONBLOCK);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const code = knownErrno(error.errno) ?? 'EIO';
      throw new KernelError(code, `Cannot open ${this.name}: the host says ${errnoName(error.errno)} for ${this.path}`);
    }
  }
}

/** TIOCM_* bits. A terminal without lines has none that could move. */
function linesOf({ fd }: Held): number {
  return numberOf(fd, ttyCommands.TIOCMGET) ?? BOTH;
}

function isExclusive({ fd }: Held): boolean {
  return (numberOf(fd, ttyCommands.TIOCGEXCL) ?? 0) !== 0;
}

/** What a command answers that gives an int; undefined where the device does not know it. */
function numberOf(fd: number, command: number): number | undefined {
  const bytes = new Uint8Array(4);
  return ioctl(fd, command, bytes) < 0 ? undefined : new DataView(bytes.buffer).getInt32(0, true);
}
