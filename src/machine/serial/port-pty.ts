import { readSync } from 'node:fs';
import { close, writeBytes } from '../../host/descriptors.js';
import { EPOLLHUP } from '../../host/epoll.js';
import { ioctl } from '../../host/ioctl.js';
import { SystemError } from '../../host/libc.js';
import { pollOnce } from '../../host/poll.js';
import { openPeer, openPty, type Pty } from '../../host/pty.js';
import { openFlags } from '../../uapi/fcntl.js';
import { encodeTermios, type Termios, ttyCommands } from '../../uapi/tty.js';
import type { Watcher } from '../watcher.js';
import { TIOCVHANGUP } from './line-commands.js';

const { O_NONBLOCK } = openFlags(process.arch);

/** How long a byte may take from one end of a pseudo-terminal to the other, in milliseconds. */
const PASSAGE = 2;
/** More than what the pseudo-terminal itself keeps: from here on it is left there, and its writers wait. */
const MOST_HELD = 1 << 16;

export type PtyWatcher = Pick<Watcher, 'watch' | 'watchHangUp' | 'unwatch'>;

/** The pseudo-terminal that programs have as a port, and what they have written that has not gone out yet. */
export class PortPty {
  readonly #pty: Pty;
  readonly #watcher: PtyWatcher;
  readonly #happened: (hungUp: boolean) => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** What is written is looked at as it comes: not where there is no room for it. */
  #isReading = true;

  /**
   * @param happened called when programs have written, or the last of them has closed the port
   * @throws SystemError where the host has no pseudo-terminals left
   */
  constructor(watcher: PtyWatcher, happened: (hungUp: boolean) => void) {
    this.#watcher = watcher;
    this.#happened = happened;
    this.#pty = openPty();
    this.#watch();
  }

  /** What programs' descriptors of it stand for. */
  get device(): bigint {
    return this.#pty.device;
  }

  /** How much was written that has not gone out. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether the last program has closed it. Until it has been open once, nobody has. */
  get isClosed(): boolean {
    return (pollOnce(this.#pty.master, 0) & EPOLLHUP) !== 0;
  }

  /** A new open file of it. @throws SystemError where there is no room for that */
  give(flags: number): number {
    return openPeer(this.#pty.master, flags);
  }

  /** @param flush what has come in and was not read is thrown away */
  setLineDiscipline(termios: Termios, flush: boolean): void {
    const command = flush ? ttyCommands.TCSETSF2 : ttyCommands.TCSETS2;
    ioctl(this.#pty.master, command, encodeTermios(termios));
  }

  /** Takes what programs have written, as far as there is room. */
  read(): void {
    while (this.#heldBytes < MOST_HELD) {
      const bytes = readAvailable(this.#pty.master);
      if (bytes === undefined) break;
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
    }
    this.#watchAsFull();
  }

  /** The same, once what was written before this call is here. */
  readAll(): void {
    this.read();
    while (this.#heldBytes < MOST_HELD && (pollOnce(this.#pty.master, PASSAGE) & ~EPOLLHUP) !== 0) this.read();
  }

  /** What is to go out next. */
  take(): Uint8Array | undefined {
    const bytes = this.#held.shift();
    this.#heldBytes -= bytes?.length ?? 0;
    this.#watchAsFull();
    return bytes;
  }

  /** What has not gone out is not wanted any more. */
  discard(): void {
    this.read();
    this.#held = [];
    this.#heldBytes = 0;
    this.#watchAsFull();
  }

  /** For programs to read. What there is no room for is lost, as on a port whose program does not read. */
  write(bytes: Uint8Array): void {
    writeBytes(this.#pty.master, bytes, undefined);
  }

  /** Programs that have it open have it no more: it reads as an end of file, and all else fails. */
  hangUp(): void {
    try {
      // A close of our end comes to the same, but for a read that waits: that fails. The superuser can do better.
      const own = this.give(O_NONBLOCK);
      ioctl(own, TIOCVHANGUP, new Uint8Array(4));
      close(own);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    this.close();
  }

  /** The last program has closed it. */
  close(): void {
    this.#watcher.unwatch(this.#pty.master);
    close(this.#pty.master);
  }

  #watchAsFull(): void {
    const reads = this.#heldBytes < MOST_HELD;
    if (reads === this.#isReading) return;
    this.#isReading = reads;
    this.#watcher.unwatch(this.#pty.master);
    this.#watch();
  }

  #watch(): void {
    const { master } = this.#pty;
    const handler = (events: number) => this.#happened((events & EPOLLHUP) !== 0);
    if (this.#isReading) this.#watcher.watch(master, handler);
    else this.#watcher.watchHangUp(master, handler);
  }
}

const buffer = Buffer.alloc(4096);

/** Undefined where there is nothing to read, or nobody has the other end. */
function readAvailable(fd: number): Uint8Array | undefined {
  try {
    return Uint8Array.from(buffer.subarray(0, readSync(fd, buffer)));
  } catch (error) {
    // Errors of Node's file functions carry a code.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN' || code === 'EIO') return undefined;
    throw error;
  }
}
