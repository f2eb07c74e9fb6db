import { setTimeout } from 'node:timers/promises';
import { SystemError } from '../host/libc.js';
import { TIOCM_CAR, TIOCM_CTS, TIOCM_DSR } from '../uapi/tty.js';
import { closedError, lostError, refused } from './error.js';
import { withLines } from './hold.js';
import type { OpenedPort } from './open-port.js';
import { discard, getLines, getTermios, isDrained, isHungUp, setBreak, setLines, setTermios } from './port.js';
import { PortStream } from './port-stream.js';
import { isSpeed, type LuoOpenOptions, withSpeed } from './settings.js';
import { checkSpeed } from './speed.js';

/** How long a close waits for what was written to leave the port, as Linux does. Milliseconds. */
const CLOSING_WAIT = 30_000;
const FIRST_LOOK = 1;
const LONGEST_PAUSE = 16;

/** The lines to set. What is undefined stays as it is. */
export interface LuoSetOptions {
  /** Data terminal ready. */
  dtr?: boolean;
  /** Request to send. */
  rts?: boolean;
  /** Whether a break is sent. */
  brk?: boolean;
  /** An input: nothing sets it. */
  cts?: boolean;
  /** An input: nothing sets it. */
  dsr?: boolean;
}

/** An open port: a port of the bindings of `serialport`. */
export class LuoPort {
  /** How it was opened, with all that was not told. */
  readonly openOptions: Required<LuoOpenOptions>;
  readonly #opened: OpenedPort;
  readonly #stream: PortStream;
  #isOpen = true;
  #writing: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(opened: OpenedPort, options: Required<LuoOpenOptions>) {
    this.#opened = opened;
    this.openOptions = options;
    this.#stream = new PortStream(opened.fd, options.path);
  }

  /** Whether it can be used. A port whose device is gone is open until it is closed. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Reads what there is, or waits for the first byte.
   *
   * @throws LuoPortError `canceled` where the port is closed meanwhile, `disconnect` where its device is gone
   */
  async read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    if (!Buffer.isBuffer(buffer)) throw new TypeError('Cannot read: "buffer" is no Buffer');
    const fits = [offset, length].every((value) => Number.isInteger(value) && value >= 0);
    if (!fits || offset + length > buffer.length || length === 0)
      throw new RangeError(`Cannot read ${length} bytes to ${offset} of a buffer of ${buffer.length}`);
    this.#check();
    const bytes = await this.#stream.read(length);
    bytes.copy(buffer, offset);
    return { buffer, bytesRead: bytes.length };
  }

  /** Gives bytes to the kernel, all of them. @throws LuoPortError as read() */
  async write(buffer: Buffer): Promise<void> {
    if (!Buffer.isBuffer(buffer)) throw new TypeError('Cannot write: "buffer" is no Buffer');
    this.#check();
    const written = buffer.length === 0 ? Promise.resolve() : this.#stream.write(buffer);
    this.#writing = written.catch(() => {});
    return written;
  }

  /** Sets another speed. @throws LuoPortError where the driver cannot give it: the speed stays as it was */
  async update({ baudRate }: { baudRate: number }): Promise<void> {
    const action = `set ${this.openOptions.path} to ${baudRate} bits a second`;
    if (!isSpeed(baudRate)) throw new RangeError(`Cannot ${action}: a whole number from 1 is needed`);
    this.#attempt(action, (fd) => {
      const now = getTermios(fd);
      setTermios(fd, withSpeed(now, baudRate));
      checkSpeed(fd, baudRate, now, action);
    });
  }

  /** Sets DTR and RTS together, in one call of the kernel's. */
  async set({ brk, ...lines }: LuoSetOptions): Promise<void> {
    const { path } = this.openOptions;
    this.#attempt(`set the lines of ${path}`, (fd) => {
      if (lines.dtr !== undefined || lines.rts !== undefined) setLines(fd, withLines(getLines(fd), lines));
    });
    if (brk === undefined) return;
    try {
      this.#attempt(`set a break on ${path}`, (fd) => setBreak(fd, brk));
    } catch (error) {
      // Many drivers know no break: there is none to end.
      if (brk || !this.#isOpen || this.#stream.end !== undefined) throw error;
    }
  }

  /** The lines that the other end sets. */
  async get(): Promise<{ cts: boolean; dsr: boolean; dcd: boolean }> {
    const lines = this.#attempt(`read the lines of ${this.openOptions.path}`, getLines);
    return { cts: (lines & TIOCM_CTS) !== 0, dsr: (lines & TIOCM_DSR) !== 0, dcd: (lines & TIOCM_CAR) !== 0 };
  }

  /** The speed that the driver says it has. Bits a second. */
  async getBaudRate(): Promise<{ baudRate: number }> {
    const { outputSpeed } = this.#attempt(`read the speed of ${this.openOptions.path}`, getTermios);
    return { baudRate: outputSpeed };
  }

  /** Drops what has come and was not read, and what was written and has not left. */
  async flush(): Promise<void> {
    this.#attempt(`flush ${this.openOptions.path}`, (fd) => discard(fd, 'both'));
    this.#stream.discardInput();
  }

  /** Waits until all that was written has left the port. No thread waits with it. */
  async drain(): Promise<void> {
    this.#check();
    await this.#writing;
    for (let next = FIRST_LOOK; !this.#attempt(`drain ${this.openOptions.path}`, isDrained); ) {
      await setTimeout(next);
      next = Math.min(next * 2, LONGEST_PAUSE);
    }
  }

  /**
   * Closes it. Reads and writes that wait end as `canceled`. What the kernel has got is sent first, for at most 30
   * seconds; a port that luo holds need not be waited for.
   */
  async close(): Promise<void> {
    this.#check();
    this.#isOpen = false;
    await this.#stream.close();
    if (!this.#opened.held) await this.#sendRest();
    this.#opened.close();
  }

  async #sendRest(): Promise<void> {
    const { fd } = this.#opened;
    const limit = performance.now() + CLOSING_WAIT;
    try {
      while (!isDrained(fd)) {
        // Without this, the kernel would wait once more, and all of Node with it.
        if (performance.now() > limit) discard(fd, 'output');
        await setTimeout(LONGEST_PAUSE);
      }
    } catch (error) {
      // The device is gone.
      if (!(error instanceof SystemError)) throw error;
    }
  }

  #attempt<Result>(action: string, act: (fd: number) => Result): Result {
    this.#check();
    const { fd } = this.#opened;
    try {
      return act(fd);
    } catch (error) {
      throw error instanceof SystemError && isHungUp(fd) ? lostError(this.openOptions.path) : refused(action, error);
    }
  }

  #check(): void {
    if (!this.#isOpen) throw closedError();
  }
}
