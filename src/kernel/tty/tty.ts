import type { SerialCounters, SerialRs485, SerialStruct } from '../../uapi/serial.js';
import { type Termios, TIOCM_CAR, TIOCM_CTS, TIOCM_DSR, TIOCM_RNG } from '../../uapi/tty.js';
import { KernelError } from '../error.js';
import { NO_RS485, type PortSettings, type SerialRules, type TtyDriver } from './driver.js';
import { hangsUpOnClose, ignoresCarrier, initialTermios, isHungUp, waitsForCts } from './termios.js';

export interface TtyOpening {
  /** `O_NRESETDEV`: neither the lines nor the settings are touched. */
  readonly keep: boolean;
  /** `O_NONBLOCK`: carrier is not waited for. */
  readonly nonblock: boolean;
  /** Whether the program has CAP_SYS_ADMIN: exclusive use does not keep it out. */
  readonly privileged: boolean;
}

/** All that the next kernel must know of a tty to go on with it. */
export interface TtyState {
  readonly termios: Termios;
  /** TIOCM_* bits. */
  readonly outputs: number;
  readonly inputs: number;
  readonly exclusive: boolean;
  readonly settings: PortSettings;
  readonly rs485: SerialRs485;
  readonly counters: SerialCounters;
}

/** What a change of the inputs means to those who have the tty open. */
export type InputChange = 'none' | 'changed' | 'hung-up';

/**
 * One serial port as a tty: the tty core and the serial core of Linux, as far as they decide when a line moves. Bytes
 * pass it by: the line discipline is the host's.
 */
export class Tty {
  readonly #driver: TtyDriver;
  /** Survives the last close: the next open finds it. */
  #termios = initialTermios;
  #settings: PortSettings;
  #exclusive = false;
  /** Open files, those included that wait for carrier. */
  #opens = 0;
  #inputs = 0;
  /** A program has waited for an input (TIOCMIWAIT) since the first open. */
  #awaited = false;
  #counters: SerialCounters = { cts: 0, dsr: 0, ring: 0, carrier: 0, received: 0, sent: 0 };
  #unplugged = false;

  constructor(driver: TtyDriver) {
    this.#driver = driver;
    const { flags = 0, transmitFifoSize = 0, baudBase = 0 } = driver.serial;
    this.#settings = { flags, customDivisor: 0, closeDelay: 50, closingWait: 3000, transmitFifoSize, baudBase };
  }

  get name(): string {
    return this.#driver.name;
  }

  get isOpen(): boolean {
    return this.#opens > 0;
  }

  get termios(): Termios {
    return this.#termios;
  }

  get isExclusive(): boolean {
    return this.#exclusive;
  }

  get counters(): SerialCounters {
    return this.#counters;
  }

  /** Undefined where the driver knows nothing of RS-485. */
  get rs485(): SerialRs485 | undefined {
    return this.#driver.rs485;
  }

  get serial(): SerialStruct {
    const line = Number(/\d+$/.exec(this.name)?.[0] ?? 0);
    return { type: 0, line, port: 0, irq: 0, ...this.#driver.serial, ...this.#settings };
  }

  get serialRules(): SerialRules {
    return this.#driver.serialRules;
  }

  /** Outputs and inputs, as TIOCMGET tells them. */
  get modemLines(): number {
    return this.#driver.outputs | this.#driver.inputs();
  }

  /** The driver finds its port at boot. */
  configure(): void {
    this.#driver.configure();
  }

  /**
   * One more open file.
   *
   * @returns whether it is open; it waits for carrier else, and `hasCarrier` tells when that is over
   * @throws KernelError EBUSY where somebody has it for himself alone, EOPNOTSUPP where it cannot be opened without
   * touching its lines, ENODEV where it has been unplugged; nothing has changed then
   */
  open({ keep, nonblock, privileged }: TtyOpening): boolean {
    if (this.#unplugged) throw new KernelError('ENODEV', `Cannot open ${this.name}: it has been unplugged`);
    if (this.#exclusive && this.isOpen && !privileged) {
      throw new KernelError('EBUSY', `Cannot open ${this.name}: a program has it for itself alone (TIOCEXCL)`);
    }
    if (!this.isOpen) this.#activate(keep);
    this.#opens += 1;
    // Every open raises both, not the first alone (measured).
    if (!keep && !isHungUp(this.#termios)) this.#driver.setDtrRts(true);
    return nonblock || this.hasCarrier;
  }

  /** Whether an open need wait no longer. */
  get hasCarrier(): boolean {
    if (!this.#driver.waitsForCarrier || ignoresCarrier(this.#termios)) return true;
    return (this.#driver.inputs() & TIOCM_CAR) !== 0;
  }

  /** An open that was waiting, or could not be given to its program, is given up. */
  giveUp(): void {
    // A hang-up has closed it already.
    if (!this.isOpen) return;
    this.#opens -= 1;
    if (this.#opens === 0) this.#shutdown();
  }

  /** The last open file is closed. */
  close(): void {
    if (!this.isOpen) return;
    this.#opens = 0;
    this.#shutdown();
  }

  /** Everybody who has it open has it no more. */
  hangUp(): void {
    this.close();
  }

  /** The device is gone, and with it all that the driver knew of it. */
  unplug(): void {
    this.#unplugged = true;
    this.#opens = 0;
    this.#exclusive = false;
  }

  /** Whether bytes can go out now. */
  get canTransmit(): boolean {
    return !waitsForCts(this.#termios) || (this.#driver.inputs() & TIOCM_CTS) !== 0;
  }

  /** Bytes of a program go out. */
  transmit(bytes: Uint8Array): void {
    this.#counters = { ...this.#counters, sent: this.#counters.sent + bytes.length };
    this.#driver.transmit(bytes, this.#termios);
  }

  /** Bytes have come in. @returns whether the port takes them */
  receive(bytes: Uint8Array): boolean {
    if (!this.isOpen) return false;
    this.#counters = { ...this.#counters, received: this.#counters.received + bytes.length };
    return true;
  }

  /** An input may have moved. */
  interrupt(): InputChange {
    if (!this.isOpen || !this.#driver.isListening) return 'none';
    const last = this.#inputs;
    this.#inputs = this.#driver.inputs();
    const changed = this.#inputs ^ last;
    if (changed === 0) return 'none';
    const count = (line: number) => ((changed & line) === 0 ? 0 : 1);
    // Of the ring indicator, only its end counts.
    const ringEnded = count(TIOCM_RNG) === 1 && (this.#inputs & TIOCM_RNG) === 0 ? 1 : 0;
    const { cts, dsr, ring, carrier } = this.#counters;
    this.#counters = {
      ...this.#counters,
      cts: cts + count(TIOCM_CTS),
      dsr: dsr + count(TIOCM_DSR),
      ring: ring + ringEnded,
      carrier: carrier + count(TIOCM_CAR),
    };
    const lostCarrier = (last & TIOCM_CAR) !== 0 && (this.#inputs & TIOCM_CAR) === 0;
    if (!lostCarrier || ignoresCarrier(this.#termios)) return 'changed';
    this.hangUp();
    return 'hung-up';
  }

  setTermios(next: Termios): void {
    this.#listen(next);
    this.#termios = this.#driver.setTermios(next, this.#termios);
  }

  /** A program begins to wait for a change of the inputs: they are listened to until the last close. */
  awaitInputs(): void {
    this.#awaited = true;
    this.#listen(this.#termios);
  }

  /** @param set, clear TIOCM_* bits of outputs; both by one write */
  changeOutputs(set: number, clear: number): void {
    this.#driver.changeOutputs(set, clear);
  }

  setExclusive(exclusive: boolean): void {
    this.#exclusive = exclusive;
  }

  setBreak(on: boolean): void {
    this.#driver.setBreak(on);
  }

  setSettings(settings: Partial<PortSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  /** @throws KernelError ENOTTY where the hardware has no transceiver */
  setRs485(rs485: SerialRs485): void {
    this.#driver.setRs485(rs485);
  }

  get state(): TtyState {
    const { outputs, rs485 = NO_RS485 } = this.#driver;
    return {
      termios: this.#termios,
      outputs,
      inputs: this.#inputs,
      exclusive: this.#exclusive,
      settings: this.#settings,
      rs485,
      counters: this.#counters,
    };
  }

  /** Goes on with a tty of the last kernel, which one open file has. No line moves. */
  restore(state: TtyState): void {
    const { termios, inputs, exclusive, settings, counters } = state;
    this.#termios = termios;
    this.#exclusive = exclusive;
    this.#settings = settings;
    this.#counters = counters;
    this.#inputs = inputs;
    this.#opens = 1;
    this.#driver.restore(state);
    // Those who waited for an input are gone with the last kernel.
    this.#listen(termios);
  }

  #activate(keep: boolean): void {
    if (keep) this.#termios = this.#driver.adopt(this.#termios);
    this.#driver.activate(this.#termios, keep);
    this.#inputs = this.#driver.inputs();
    this.#listen(this.#termios);
  }

  /** Hardware need not tell of inputs that nobody asks for: what happened meanwhile is no change. */
  #listen(termios: Termios): void {
    const wanted = !ignoresCarrier(termios) || waitsForCts(termios) || this.#awaited;
    if (wanted && !this.#driver.isListening) this.#inputs = this.#driver.inputs();
    this.#driver.listen(wanted);
  }

  #shutdown(): void {
    this.#exclusive = false;
    this.#awaited = false;
    if (hangsUpOnClose(this.#termios)) this.#driver.setDtrRts(false);
    this.#driver.shutdown();
  }
}
