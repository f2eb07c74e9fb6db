import { PORT_UNKNOWN, type SerialStruct } from '../../../uapi/serial.js';
import { type Termios, TIOCM_DTR, TIOCM_RTS } from '../../../uapi/tty.js';
import { type DriverState, noTransceiver, type SerialRules, type TtyDriver } from '../driver.js';
import type { UsbConverterPort } from '../serial-hardware.js';
import { atSpeed, changesWire, framing, initialTermios, isHungUp } from '../termios.js';

/** What a converter divides, and the fastest that comes of it, in bits a second. */
const CLOCK = 24_000_000;
const FASTEST = 3_000_000;

/**
 * The driver of USB converters that the bus takes the power from while nobody has them open. What they had is lost by
 * that: an open that keeps everything keeps what the power brings, which is both lines low.
 */
export class UsbSerialDriver implements TtyDriver {
  readonly name: string;
  readonly waitsForCarrier = false;
  readonly isListening = true;
  readonly serial: Partial<SerialStruct> = { type: PORT_UNKNOWN, baudBase: CLOCK };
  readonly serialRules: SerialRules = {
    taken: ['flags', 'customDivisor', 'closeDelay', 'closingWait'],
    fixed: [],
  };
  readonly rs485 = undefined;
  readonly #port: UsbConverterPort;
  #outputs = 0;

  constructor(port: UsbConverterPort) {
    this.name = port.name;
    this.#port = port;
  }

  get outputs(): number {
    return this.#outputs;
  }

  configure(): void {
    this.#port.power.set(false);
  }

  adopt(termios: Termios): Termios {
    return termios;
  }

  activate(termios: Termios, keep: boolean): void {
    this.#port.power.set(true);
    this.#outputs = 0;
    if (!keep) this.#port.setLineCoding(termios.outputSpeed, termios.controlFlags);
  }

  shutdown(): void {
    this.#port.power.set(false);
    this.#outputs = 0;
  }

  /** The converter is told each time, also what it was told before (measured). */
  setDtrRts(on: boolean): void {
    this.#tell(on ? TIOCM_DTR | TIOCM_RTS : 0);
  }

  /** A speed that is too fast becomes 9600 (measured). */
  setTermios(wanted: Termios, last: Termios): Termios {
    const next = wanted.outputSpeed > FASTEST ? atSpeed(wanted, initialTermios.outputSpeed) : wanted;
    if (changesWire(next, last)) this.#port.setLineCoding(next.outputSpeed, next.controlFlags);
    if (isHungUp(next) !== isHungUp(last)) this.setDtrRts(!isHungUp(next));
    return next;
  }

  listen(): void {}

  inputs(): number {
    return this.#port.inputs();
  }

  changeOutputs(set: number, clear: number): void {
    this.#tell(((this.#outputs & ~clear) | set) & (TIOCM_DTR | TIOCM_RTS));
  }

  setBreak(on: boolean): void {
    this.#port.setBreak(on);
  }

  setRs485(): void {
    throw noTransceiver(this.name);
  }

  transmit(bytes: Uint8Array, termios: Termios): void {
    const { bitTime, bits } = framing(termios);
    this.#port.transmit(bytes, bitTime, bits);
  }

  restore({ outputs }: DriverState): void {
    this.#outputs = outputs;
  }

  #tell(outputs: number): void {
    this.#outputs = outputs;
    this.#port.setLines((outputs & TIOCM_DTR) !== 0, (outputs & TIOCM_RTS) !== 0);
  }
}
