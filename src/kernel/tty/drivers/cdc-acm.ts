import { PORT_UNKNOWN, type SerialStruct } from '../../../uapi/serial.js';
import {
  CMSPAR,
  CSIZE,
  CSTOPB,
  PARENB,
  PARODD,
  type Termios,
  TIOCM_CTS,
  TIOCM_DTR,
  TIOCM_RTS,
} from '../../../uapi/tty.js';
import { type DriverState, noTransceiver, type SerialRules, type TtyDriver } from '../driver.js';
import type { CdcAcmPort } from '../serial-hardware.js';
import { framing, initialTermios, isHungUp } from '../termios.js';

// Requests of the class (USB PSTN subclass, table 13).
const SET_LINE_CODING = 0x20;
const SET_CONTROL_LINE_STATE = 0x22;
const SEND_BREAK = 0x23;
const BREAK_UNTIL_TOLD = 0xffff;
const LINE_CODING_SIZE = 7;

const STATE_DTR = 1;
const STATE_RTS = 2;

/** What a device is told of the wire: bits a second, stop bits, parity and data bits, each as the class codes them. */
interface LineCoding {
  readonly speed: number;
  readonly stop: number;
  readonly parity: number;
  readonly data: number;
}

/**
 * The driver of USB devices of the communications class. They can be told their lines and not be asked for them: what
 * this driver has not set since it found the device counts as low, as it is when a device gets its power.
 */
export class CdcAcmDriver implements TtyDriver {
  readonly name: string;
  readonly waitsForCarrier = false;
  readonly isListening = true;
  readonly serial: Partial<SerialStruct> = { type: PORT_UNKNOWN };
  readonly serialRules: SerialRules = { taken: ['closeDelay', 'closingWait'], fixed: [] };
  readonly rs485 = undefined;
  readonly #port: CdcAcmPort;
  /** Undefined until the device was told. */
  #outputs: number | undefined;
  #coding: LineCoding | undefined;

  constructor(port: CdcAcmPort) {
    this.name = port.name;
    this.#port = port;
  }

  get outputs(): number {
    return this.#outputs ?? 0;
  }

  /** A device is told its coding as soon as it is found, and nothing of its lines before the first open (measured). */
  configure(): void {
    this.#setCoding(initialTermios);
  }

  /** What was told to the device is what has been set. */
  adopt(termios: Termios): Termios {
    return termios;
  }

  activate(termios: Termios, keep: boolean): void {
    if (!keep) this.#setCoding(termios);
  }

  shutdown(): void {}

  /**
   * The device is told each time, also what it was told before (measured). Where nobody has told it anything yet, its
   * lines are not the driver's to drop.
   */
  setDtrRts(on: boolean): void {
    if (on || this.#outputs !== undefined) this.#tell(on ? TIOCM_DTR | TIOCM_RTS : 0);
  }

  setTermios(next: Termios, last: Termios): Termios {
    // B0 lets DTR fall, and RTS stays: unlike the drivers of the serial core.
    if (isHungUp(next) && !isHungUp(last)) this.changeOutputs(0, TIOCM_DTR);
    if (!isHungUp(next) && isHungUp(last)) this.changeOutputs(TIOCM_DTR, 0);
    this.#setCoding(next);
    return next;
  }

  listen(): void {}

  /** The class has no CTS: Linux says that it is there. */
  inputs(): number {
    return this.#port.inputs() | TIOCM_CTS;
  }

  changeOutputs(set: number, clear: number): void {
    const outputs = ((this.outputs & ~clear) | set) & (TIOCM_DTR | TIOCM_RTS);
    if (outputs !== this.#outputs) this.#tell(outputs);
  }

  setBreak(on: boolean): void {
    this.#port.control.send(SEND_BREAK, on ? BREAK_UNTIL_TOLD : 0);
    this.#port.setBreak(on);
  }

  setRs485(): void {
    throw noTransceiver(this.name);
  }

  transmit(bytes: Uint8Array, termios: Termios): void {
    const { bitTime, bits } = framing(termios);
    this.#port.transmit(bytes, bitTime, bits);
  }

  restore({ termios, outputs }: DriverState): void {
    // What nobody has raised may be unknown to the last kernel, too.
    this.#outputs = outputs === 0 ? undefined : outputs;
    this.#coding = this.#codingFor(termios);
  }

  #tell(outputs: number): void {
    this.#outputs = outputs;
    const state = ((outputs & TIOCM_DTR) === 0 ? 0 : STATE_DTR) | ((outputs & TIOCM_RTS) === 0 ? 0 : STATE_RTS);
    this.#port.control.send(SET_CONTROL_LINE_STATE, state);
  }

  #setCoding(termios: Termios): void {
    const coding = this.#codingFor(termios);
    if (this.#coding !== undefined && isSameCoding(coding, this.#coding)) return;
    this.#coding = coding;
    this.#port.control.send(SET_LINE_CODING, 0, encodeCoding(coding));
  }

  /** At B0 the device keeps the speed that it has. */
  #codingFor(termios: Termios): LineCoding {
    const speed = isHungUp(termios) ? (this.#coding?.speed ?? initialTermios.outputSpeed) : termios.outputSpeed;
    return { ...codingOf(termios.controlFlags), speed };
  }
}

function codingOf(flags: number): Omit<LineCoding, 'speed'> {
  const odd = (flags & PARODD) === 0 ? 0 : 1;
  const parity = (flags & PARENB) === 0 ? 0 : (flags & CMSPAR) === 0 ? 2 - odd : 4 - odd;
  return { stop: (flags & CSTOPB) === 0 ? 0 : 2, parity, data: 5 + ((flags & CSIZE) >> 4) };
}

function isSameCoding(one: LineCoding, other: LineCoding): boolean {
  return one.speed === other.speed && one.stop === other.stop && one.parity === other.parity && one.data === other.data;
}

function encodeCoding({ speed, stop, parity, data }: LineCoding): Uint8Array {
  const bytes = new Uint8Array(LINE_CODING_SIZE);
  new DataView(bytes.buffer).setUint32(0, speed, true);
  bytes.set([stop, parity, data], 4);
  return bytes;
}
