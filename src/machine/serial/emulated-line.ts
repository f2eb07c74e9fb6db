import type { EmulatedPort } from '../../devices/emulated-port.js';
import type { Waveform } from '../../devices/waveform.js';
import { SystemError } from '../../host/libc.js';
import { KernelError } from '../../kernel/error.js';
import { type Kernel, type Tty, type TtyAnswer, type TtyCall, ttyIoctl } from '../../kernel/kernel.js';
import { knownErrno } from '../../uapi/errno.js';
import { openFlags } from '../../uapi/fcntl.js';
import { ttyCommands } from '../../uapi/tty.js';
import type { HardwareClock } from './hardware-clock.js';
import { changingTermios, draining, flushing, outputQueues, TIOCOUTQ, TIOCVHANGUP } from './line-commands.js';
import { PortPty, type PtyWatcher } from './port-pty.js';
import type { SerialLine, SerialOpened, SerialOpening } from './serial-line.js';

const { O_ACCMODE, O_NONBLOCK } = openFlags(process.arch);
const c = ttyCommands;

/** Microseconds that a break lasts: what `tcsendbreak` gives, and the unit of TCSBRKP. */
const BREAK = 250_000;
const TENTH = 100_000;
/** A longer one is cut short: the machine does not wait for it, but all that falls due meanwhile happens. */
const LONGEST_BREAK = 60_000_000;

export interface EmulatedLineOptions {
  readonly watcher: PtyWatcher;
  readonly clock: HardwareClock;
  /** Called when something has happened that a call may wait for. */
  changed(): void;
}

/**
 * An emulated serial port. Programs get a pseudo-terminal, whose line discipline is the host's; what they ask of the
 * port itself, the kernel answers, and its driver moves the lines of an emulated chip.
 */
export class EmulatedLine implements SerialLine {
  readonly name: string;
  readonly port: EmulatedPort;
  readonly isHostFile = false;
  readonly #options: EmulatedLineOptions;
  #kernel: Kernel | undefined;
  /** Undefined while no program has it open. */
  #pty: PortPty | undefined;
  /** How deep in calls of the kernel this is: what an input does meanwhile waits until it is over. */
  #depth = 0;
  #interrupted = false;

  /** @param make makes the chip and its board */
  constructor(
    make: (events: { received(bytes: Uint8Array): void; interrupt(): void }) => EmulatedPort,
    options: EmulatedLineOptions,
  ) {
    this.#options = options;
    this.port = make({ received: (bytes) => this.#receive(bytes), interrupt: () => this.#interrupt() });
    this.name = this.port.hardware.name;
  }

  get device(): bigint | undefined {
    return this.#pty?.device;
  }

  get isThere(): boolean {
    return this.port.isPlugged;
  }

  get description(): string {
    return this.port.description;
  }

  open(opening: SerialOpening): SerialOpened {
    this.#lookForClose();
    return this.#during((tty) => {
      const { keep, privileged, flags } = opening;
      const isOpen = tty.open({ keep, privileged, nonblock: (flags & O_NONBLOCK) !== 0 });
      return isOpen ? this.#give(tty, flags) : this.#wait(opening);
    });
  }

  ioctl(call: TtyCall): TtyAnswer {
    this.#lookForClose();
    return this.#during((tty) => {
      if (!draining.has(call.command)) {
        this.#send(tty);
        return this.#answer(tty, call);
      }
      this.#pty?.readAll();
      this.#send(tty);
      return this.#hasOutput ? () => this.#answerWhenDrained(call) : this.#answer(tty, call);
    });
  }

  begin(kernel: Kernel): void {
    const isSame = this.#kernel === kernel;
    this.#kernel = kernel;
    if (isSame) this.#lookForClose();
    // What was not preserved is closed, and the new driver has found the port already.
    else if (this.#tty?.isOpen !== true) this.#dropPty();
    // An open that waited for carrier ended with its program.
    if (this.#pty === undefined && this.#tty?.isOpen === true) this.#during((tty) => tty.close());
  }

  /** What has happened on the wires so far. */
  waveform(): Waveform {
    this.#lookForClose();
    this.#options.clock.catchUp();
    return this.port.waveform.snapshot();
  }

  /** The device is pulled out: programs see a hang-up, and the driver forgets it. */
  unplug(): void {
    this.#options.clock.catchUp();
    if (!this.port.isPlugged) return;
    this.#tty?.unplug();
    this.#hangUpPty();
    this.port.unplug();
    this.#options.changed();
  }

  /** It is put back, and its driver knows nothing of it. */
  plug(): void {
    this.#options.clock.catchUp();
    if (this.port.isPlugged) return;
    this.port.plug();
    this.#kernel?.plugTty(this.name);
    this.#options.clock.setTimer();
  }

  close(): void {
    this.#dropPty();
  }

  get #tty(): Tty | undefined {
    return this.#kernel?.tty(this.name);
  }

  /** For carrier. A hang-up meanwhile means to begin anew. */
  #wait(opening: SerialOpening): SerialOpened {
    const again = (): SerialOpened => {
      if (this.#tty?.isOpen !== true) return this.open(opening);
      return this.#during((tty) => (tty.hasCarrier ? this.#give(tty, opening.flags) : this.#wait(opening)));
    };
    return { again, giveUp: () => this.#during((tty) => tty.giveUp()) };
  }

  #give(tty: Tty, flags: number): SerialOpened {
    try {
      this.#pty ??= this.#openPty(tty);
      // Where the program cannot take it, it is closed, and that is seen as every other close.
      return { descriptor: this.#pty.give(flags & (O_ACCMODE | O_NONBLOCK)) };
    } catch (error) {
      tty.giveUp();
      if (!(error instanceof SystemError)) throw error;
      throw new KernelError(knownErrno(error.errno) ?? 'EIO', `Cannot open ${this.name}: ${error.message}`);
    }
  }

  #openPty(tty: Tty): PortPty {
    const pty: PortPty = new PortPty(this.#options.watcher, (hungUp) => this.#handle(pty, hungUp));
    pty.setLineDiscipline(tty.termios, false);
    return pty;
  }

  /** Something has come from the programs, or the last of them has closed the port. */
  #handle(pty: PortPty, hungUp: boolean): void {
    this.#during((tty) => {
      // The time that has passed meanwhile may have hung it up.
      if (this.#pty !== pty) return;
      this.#send(tty);
      if (!hungUp) return;
      this.#dropPty();
      tty.close();
    });
    this.#options.changed();
  }

  /** A close that has happened must be over before the next call. */
  #lookForClose(): void {
    if (this.#pty?.isClosed === true) this.#handle(this.#pty, true);
  }

  #dropPty(): void {
    const pty = this.#pty;
    this.#pty = undefined;
    pty?.close();
  }

  #hangUpPty(): void {
    const pty = this.#pty;
    this.#pty = undefined;
    pty?.hangUp();
  }

  #answer(tty: Tty, call: TtyCall): TtyAnswer {
    const { command, argument, memory } = call;
    switch (command) {
      case c.TCSBRK:
        return argument === 0n ? this.#break(tty, BREAK) : 0;
      case c.TCSBRKP:
        return this.#break(tty, argument === 0n ? BREAK : Math.min(Number(argument) * TENTH, LONGEST_BREAK));
      case c.TCFLSH:
        if (outputQueues.includes(argument)) this.#pty?.discard();
        // What has come in is in the line discipline, which knows what is wrong with an argument, too.
        return undefined;
      case TIOCOUTQ:
        memory.write(argument, encodeInt(this.#pty?.heldBytes ?? 0));
        return 0;
      case TIOCVHANGUP:
        if (!call.privileged) throw new KernelError('EPERM', `Cannot hang up ${this.name}: only the superuser may`);
        tty.hangUp();
        this.#hangUpPty();
        this.#options.changed();
        return 0;
    }
    const answer = ttyIoctl(tty, call);
    if (changingTermios.has(command)) this.#pty?.setLineDiscipline(tty.termios, flushing.has(command));
    return answer;
  }

  /** @returns undefined for as long as something has not gone out */
  #answerWhenDrained(call: TtyCall): number | undefined {
    return this.#during((tty) => {
      if (!tty.isOpen) throw new KernelError('EIO', `Cannot wait for the output of ${this.name}: it was hung up`);
      if (this.#hasOutput) return undefined;
      const answer = this.#answer(tty, call);
      return typeof answer === 'number' ? answer : 0;
    });
  }

  get #hasOutput(): boolean {
    return (this.#pty?.heldBytes ?? 0) > 0;
  }

  /** Sends what programs have written, as far as the other side is ready for it. */
  #send(tty: Tty): void {
    this.#pty?.read();
    while (this.#pty !== undefined && tty.canTransmit) {
      const bytes = this.#pty.take();
      if (bytes === undefined) return;
      tty.transmit(bytes);
    }
  }

  #break(tty: Tty, microseconds: number): number {
    tty.setBreak(true);
    this.#options.clock.advance(microseconds);
    tty.setBreak(false);
    return 0;
  }

  /** From the board. */
  #receive(bytes: Uint8Array): void {
    if (this.#tty?.receive(bytes) === true) this.#pty?.write(bytes);
  }

  #interrupt(): void {
    this.#interrupted = true;
    if (this.#depth === 0) this.#handleInterrupts();
  }

  /** What is sent here may be answered by the next one. */
  #handleInterrupts(): void {
    while (this.#interrupted) {
      this.#interrupted = false;
      const tty = this.#tty;
      if (tty === undefined) return;
      this.#depth += 1;
      if (tty.interrupt() === 'hung-up') this.#hangUpPty();
      else this.#send(tty);
      this.#depth -= 1;
      this.#options.changed();
    }
  }

  /** Runs a call of the kernel at the time that it is. */
  #during<Result>(run: (tty: Tty) => Result): Result {
    const tty = this.#tty;
    if (tty === undefined) throw new KernelError('ENODEV', `Cannot use ${this.name}: no kernel drives it yet`);
    const { clock } = this.#options;
    if (this.#depth === 0) clock.catchUp();
    this.#depth += 1;
    try {
      return run(tty);
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) {
        this.#handleInterrupts();
        clock.setTimer();
      }
    }
  }
}

function encodeInt(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
