import type { SerialStruct } from '../../../uapi/serial.js';
import type { Termios } from '../../../uapi/tty.js';
import { type DriverState, NO_RS485, noTransceiver, type SerialRules, type TtyDriver } from '../driver.js';
import type { PowerGatedPort } from '../serial-hardware.js';
import { initialTermios, isHungUp } from '../termios.js';
import { possible, Uart8250Driver } from './uart-8250.js';

/**
 * The driver of a UART that has power only while it is needed. An open that keeps everything gives it none: its
 * settings can be read and set, and the power comes with the first byte or the first line that is to move.
 */
export class PowerGatedDriver implements TtyDriver {
  readonly name: string;
  readonly waitsForCarrier = true;
  readonly rs485 = NO_RS485;
  readonly #port: PowerGatedPort;
  readonly #uart: Uart8250Driver;
  /** What is to be set when the power comes. */
  #termios: Termios = initialTermios;
  #listening = false;

  constructor(port: PowerGatedPort) {
    this.name = port.name;
    this.#port = port;
    this.#uart = new Uart8250Driver({
      name: port.name,
      registers: port.registers,
      transceiver: false,
      transmit: (bytes, bitTime, bits) => port.transmit(bytes, bitTime, bits),
      setBreak: (on) => port.setBreak(on),
      delay: (microseconds) => port.delay(microseconds),
    });
  }

  get serial(): Partial<SerialStruct> {
    return this.#uart.serial;
  }

  get serialRules(): SerialRules {
    return this.#uart.serialRules;
  }

  get isListening(): boolean {
    return this.#listening;
  }

  get outputs(): number {
    return this.#port.power.isOn ? this.#uart.outputs : 0;
  }

  configure(): void {
    this.#port.power.set(false);
  }

  adopt(termios: Termios): Termios {
    return termios;
  }

  activate(termios: Termios, keep: boolean): void {
    this.#termios = termios;
    if (!keep) this.#powered();
  }

  shutdown(): void {
    this.#listening = false;
    if (!this.#port.power.isOn) return;
    this.#uart.shutdown();
    this.#port.power.set(false);
  }

  setDtrRts(on: boolean): void {
    // Without power both are low as it is.
    if (on || this.#port.power.isOn) this.#powered().setDtrRts(on);
  }

  setTermios(wanted: Termios, last: Termios): Termios {
    if (this.#port.power.isOn) {
      this.#termios = this.#uart.setTermios(wanted, last);
      return this.#termios;
    }
    this.#termios = possible(wanted, last);
    // Whoever leaves B0 wants the lines.
    if (isHungUp(last) && !isHungUp(wanted)) this.setDtrRts(true);
    return this.#termios;
  }

  listen(on: boolean): void {
    this.#listening = on;
    if (this.#port.power.isOn) this.#uart.listen(on);
  }

  inputs(): number {
    return this.#port.power.isOn ? this.#uart.inputs() : 0;
  }

  changeOutputs(set: number, clear: number): void {
    if (set !== 0 || this.#port.power.isOn) this.#powered().changeOutputs(set, clear);
  }

  setBreak(on: boolean): void {
    if (on || this.#port.power.isOn) this.#powered().setBreak(on);
  }

  setRs485(): void {
    throw noTransceiver(this.name);
  }

  transmit(bytes: Uint8Array, termios: Termios): void {
    this.#powered().transmit(bytes, termios);
  }

  restore(state: DriverState): void {
    this.#termios = state.termios;
    if (!this.#port.power.isOn) return;
    this.#uart.restore(state);
    this.#listening = this.#uart.isListening;
  }

  #powered(): Uart8250Driver {
    if (!this.#port.power.isOn) {
      this.#port.power.set(true);
      this.#uart.restore({ termios: this.#termios, outputs: 0, rs485: NO_RS485 });
      this.#uart.activate(this.#termios, false);
      this.#uart.listen(this.#listening);
    }
    return this.#uart;
  }
}
