import { PORT_UNKNOWN, type SerialStruct } from '../../../uapi/serial.js';
import { type Termios, TIOCM_DTR, TIOCM_RTS } from '../../../uapi/tty.js';
import { KernelError } from '../../error.js';
import { type DriverState, NO_RS485, noTransceiver, type SerialRules, type TtyDriver } from '../driver.js';
import type { WiredEnablePort } from '../serial-hardware.js';
import { framing } from '../termios.js';

/** The driver of a UART that is enabled by the very wire that asserts DTR and RTS: it can keep nothing. */
export class WiredEnableDriver implements TtyDriver {
  readonly name: string;
  readonly waitsForCarrier = true;
  readonly isListening = true;
  readonly serial: Partial<SerialStruct> = { type: PORT_UNKNOWN };
  readonly serialRules: SerialRules = {
    taken: ['flags', 'customDivisor', 'closeDelay', 'closingWait'],
    fixed: ['type', 'port', 'irq', 'baudBase', 'transmitFifoSize'],
  };
  readonly rs485 = NO_RS485;
  readonly #port: WiredEnablePort;
  #outputs = 0;

  constructor(port: WiredEnablePort) {
    this.name = port.name;
    this.#port = port;
  }

  get outputs(): number {
    return this.#outputs;
  }

  configure(): void {
    this.#enable(false);
  }

  adopt(): Termios {
    throw new KernelError(
      'EOPNOTSUPP',
      `Cannot open ${this.name} and keep its lines: its hardware asserts DTR and RTS when it is enabled`,
    );
  }

  activate(): void {
    this.#enable(true);
  }

  shutdown(): void {
    this.#enable(false);
  }

  /** The wire is the port's being open. */
  setDtrRts(): void {}

  setTermios(next: Termios): Termios {
    return next;
  }

  listen(): void {}

  inputs(): number {
    return this.#port.inputs();
  }

  /** @throws KernelError EINVAL: Linux gives that for outputs that a driver cannot move */
  changeOutputs(): void {
    throw new KernelError('EINVAL', `Cannot move the lines of ${this.name}: they are wired to its being open`);
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

  #enable(on: boolean): void {
    this.#port.enable(on);
    this.#outputs = on ? TIOCM_DTR | TIOCM_RTS : 0;
  }
}
