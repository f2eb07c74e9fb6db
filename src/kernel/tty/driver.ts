import type { SerialRs485, SerialStruct } from '../../uapi/serial.js';
import type { Termios } from '../../uapi/tty.js';
import { KernelError } from '../error.js';

/** What a program may set that the driver does not know: times in hundredths of a second. */
export type PortSettings = Pick<
  SerialStruct,
  'flags' | 'customDivisor' | 'closeDelay' | 'closingWait' | 'transmitFifoSize' | 'baudBase'
>;

/** What TIOCSSERIAL does to a port. Members that are in neither list are ignored. */
export interface SerialRules {
  readonly taken: readonly (keyof PortSettings)[];
  /** Those that say what hardware it is, which it stays. */
  readonly fixed: readonly (keyof SerialStruct)[];
}

/** What the tty core asks of the driver of one port (`tty_operations` and `tty_port_operations` of Linux, in one). */
export interface TtyDriver {
  /** The name of the tty, such as `ttyS0`. */
  readonly name: string;
  /** Whether a blocking open waits for carrier, where the settings say so. Those of USB devices never do (measured). */
  readonly waitsForCarrier: boolean;
  /**
   * The port is found at boot, and is nobody's: Linux lets its outputs fall, whatever they were. Not called for a port
   * that the last kernel has preserved.
   */
  configure(): void;
  /**
   * What a first open that keeps everything goes on from: the settings that the hardware has, as far as they can be
   * read, and those given for the rest. Touches nothing.
   *
   * @throws KernelError EOPNOTSUPP where the hardware cannot be opened without changing it
   */
  adopt(termios: Termios): Termios;
  /**
   * The first open: interrupts, buffers, power.
   *
   * @param termios what is set on the hardware, but for its outputs
   * @param keep everything stays as `adopt` found it
   */
  activate(termios: Termios, keep: boolean): void;
  /** The last close. The outputs stay as they are. */
  shutdown(): void;
  /** Both outputs at once: an open raises them, a close or a hang-up lets them fall. */
  setDtrRts(on: boolean): void;
  /**
   * Sets what has changed.
   *
   * @param last what was set before
   * @returns what has been set: hardware cannot have every speed
   */
  setTermios(next: Termios, last: Termios): Termios;
  /** The outputs as the driver knows them, as TIOCM_* bits. */
  readonly outputs: number;
  /** The inputs, as TIOCM_* bits. */
  inputs(): number;
  /** Whether changes of the inputs interrupt. Hardware that tells of all of them always does. */
  readonly isListening: boolean;
  listen(on: boolean): void;
  /** Changes outputs by one write. @param set, clear TIOCM_* bits */
  changeOutputs(set: number, clear: number): void;
  setBreak(on: boolean): void;
  /** The parts of `struct serial_struct` that this driver fills in. */
  readonly serial: Partial<SerialStruct>;
  readonly serialRules: SerialRules;
  /** Undefined where the driver knows nothing of RS-485. */
  readonly rs485: SerialRs485 | undefined;
  /** @throws KernelError ENOTTY where the hardware has no transceiver */
  setRs485(rs485: SerialRs485): void;
  /** Puts bytes on the wire. */
  transmit(bytes: Uint8Array, termios: Termios): void;
  /** Goes on from what the last kernel's driver knew, without touching the hardware. The port is open. */
  restore(state: DriverState): void;
}

/** What a driver knows of its port and cannot read from it. */
export interface DriverState {
  readonly termios: Termios;
  /** TIOCM_* bits. */
  readonly outputs: number;
  readonly rs485: SerialRs485;
}

export const NO_RS485: SerialRs485 = { flags: 0, delayBeforeSend: 0, delayAfterSend: 0 };

export function noTransceiver(name: string): KernelError {
  return new KernelError('ENOTTY', `Cannot set RS-485 on ${name}: it has no transceiver that its driver knows of`);
}
