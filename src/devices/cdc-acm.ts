/** The abstract control model of the USB communications class (PSTN 1.2, section 6.3 and 6.5), on the device's side. */
import type { UsbControl } from '../kernel/tty/serial-hardware.js';
import { TIOCM_CAR, TIOCM_DSR, TIOCM_RNG } from '../uapi/tty.js';
import type { Clock } from './clock.js';
import type { Inputs, Outputs } from './wires.js';

export const SET_LINE_CODING = 0x20;
export const GET_LINE_CODING = 0x21;
export const SET_CONTROL_LINE_STATE = 0x22;
export const SEND_BREAK = 0x23;

/** Bits of the value of SET_CONTROL_LINE_STATE. */
export const LINE_STATE_DTR = 0x01;
export const LINE_STATE_RTS = 0x02;

/** A break without an end: another SEND_BREAK with 0 ends it. Other values are milliseconds. */
export const BREAK_ON = 0xffff;

/** Bytes of a line coding: speed, stop bits, parity, data bits. */
export const LINE_CODING_SIZE = 7;

/** 115200 bits a second, 1 stop bit, no parity, 8 bits. */
const firstCoding: readonly number[] = [0x00, 0xc2, 0x01, 0x00, 0, 0, 8];

export interface CdcAcmPins {
  setOutputs(outputs: Outputs): void;
  setBreak(on: boolean): void;
}

export class CdcAcmFunction implements UsbControl {
  readonly #clock: Clock;
  readonly #pins: CdcAcmPins;
  #coding = Uint8Array.from(firstCoding);
  #inputs = 0;
  #endBreak = () => {};

  constructor(clock: Clock, pins: CdcAcmPins) {
    this.#clock = clock;
    this.#pins = pins;
  }

  /** What SERIAL_STATE has told of last, as TIOCM_* bits. The class has no word for CTS. */
  get inputs(): number {
    return this.#inputs;
  }

  /** A request that the function does not know, or with too little data, is stalled: nothing changes. */
  send(request: number, value: number, data: Uint8Array = new Uint8Array()): void {
    if (request === SET_LINE_CODING && data.length >= LINE_CODING_SIZE) this.#coding = data.slice(0, LINE_CODING_SIZE);
    if (request === SET_CONTROL_LINE_STATE) {
      this.#pins.setOutputs({ dtr: (value & LINE_STATE_DTR) !== 0, rts: (value & LINE_STATE_RTS) !== 0 });
    }
    if (request === SEND_BREAK) this.#sendBreak(value);
  }

  receive(request: number, length: number): Uint8Array | undefined {
    return request === GET_LINE_CODING ? this.#coding.slice(0, length) : undefined;
  }

  /** Sends a SERIAL_STATE notification where it would tell anything new. @returns whether it did */
  notify(inputs: Inputs): boolean {
    const before = this.#inputs;
    const { dcd, dsr, ri } = inputs;
    this.#inputs = (dcd ? TIOCM_CAR : 0) | (dsr ? TIOCM_DSR : 0) | (ri ? TIOCM_RNG : 0);
    return this.#inputs !== before;
  }

  /** As after it was plugged in. */
  reset(): void {
    this.#coding = Uint8Array.from(firstCoding);
    this.#inputs = 0;
    this.#sendBreak(0);
    this.#pins.setOutputs({ dtr: false, rts: false });
  }

  #sendBreak(value: number): void {
    this.#endBreak();
    this.#endBreak = () => {};
    this.#pins.setBreak(value !== 0);
    if (value === 0 || value === BREAK_ON) return;
    this.#endBreak = this.#clock.after(value * 1000, () => this.#pins.setBreak(false));
  }
}
