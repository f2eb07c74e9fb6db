import type { SerialRs485, SerialStruct } from '../../../uapi/serial.js';
import {
  PORT_16550A,
  SER_RS485_ENABLED,
  SER_RS485_RTS_AFTER_SEND,
  SER_RS485_RTS_ON_SEND,
} from '../../../uapi/serial.js';
import {
  HUPCL,
  type Termios,
  TIOCM_CAR,
  TIOCM_CTS,
  TIOCM_DSR,
  TIOCM_DTR,
  TIOCM_LOOP,
  TIOCM_OUT1,
  TIOCM_OUT2,
  TIOCM_RNG,
  TIOCM_RTS,
} from '../../../uapi/tty.js';
import { type DriverState, NO_RS485, noTransceiver, type SerialRules, type TtyDriver } from '../driver.js';
import { possibleRs485 } from '../rs485.js';
import type { PortHardware, UartRegisters } from '../serial-hardware.js';
import { atSpeed, changesWire, framing, initialTermios, isHungUp, withControlFlags } from '../termios.js';
import { controlFlagsOf, LCR_BREAK, LCR_DLAB, lineControlOf, WIRE_FLAGS } from './line-control.js';

// Offsets of registers. With LCR_DLAB the first two are the divisor.
const DIVISOR_LOW = 0;
const DIVISOR_HIGH = 1;
const INTERRUPT_ENABLE = 1;
const FIFO_CONTROL = 2;
const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;
const MODEM_STATUS = 6;

const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;

const outputBits = [
  [TIOCM_DTR, MCR_DTR],
  [TIOCM_RTS, MCR_RTS],
  [TIOCM_OUT1, MCR_OUT1],
  [TIOCM_OUT2, MCR_OUT2],
  [TIOCM_LOOP, MCR_LOOP],
] as const;
const inputBits = [
  [TIOCM_CTS, 0x10],
  [TIOCM_DSR, 0x20],
  [TIOCM_RNG, 0x40],
  [TIOCM_CAR, 0x80],
] as const;

const CLOCK = 115200;
const IER_RECEIVE = 0x05;
const IER_MODEM = 0x08;
const FCR_ENABLE_AND_CLEAR = 0x07;

/** UPF_BOOT_AUTOCONF, UPF_SKIP_TEST and what the driver adds to them (measured on Linux 7.3). */
const FLAGS = 0x11000040;

/** Where the four serial ports of a PC are. */
const addresses = [
  { port: 0x3f8, irq: 4 },
  { port: 0x2f8, irq: 3 },
  { port: 0x3e8, irq: 4 },
  { port: 0x2e8, irq: 3 },
] as const;

function addressOf(name: string): Partial<SerialStruct> {
  return addresses[Number(/^ttyS(\d+)$/.exec(name)?.[1] ?? -1)] ?? {};
}

/** What the driver needs of a port: the 16550 that it has, however it is fed. */
export interface Uart8250Hardware extends PortHardware {
  readonly registers: UartRegisters;
  readonly transceiver: boolean;
}

/** The driver of 16550 UARTs. The hardware tells all of its state, so that an open can leave all of it alone. */
export class Uart8250Driver implements TtyDriver {
  readonly name: string;
  readonly waitsForCarrier = true;
  readonly serial: Partial<SerialStruct>;
  readonly serialRules: SerialRules = {
    taken: ['flags', 'customDivisor', 'closeDelay', 'closingWait', 'transmitFifoSize', 'baudBase'],
    fixed: ['type', 'port', 'irq'],
  };
  readonly #hardware: Uart8250Hardware;
  #outputs = 0;
  #rs485 = NO_RS485;

  constructor(hardware: Uart8250Hardware) {
    this.name = hardware.name;
    this.#hardware = hardware;
    this.serial = {
      type: PORT_16550A,
      baudBase: CLOCK,
      transmitFifoSize: 16,
      flags: FLAGS,
      ...addressOf(hardware.name),
    };
  }

  get outputs(): number {
    return this.#outputs;
  }

  get rs485(): SerialRs485 {
    return this.#rs485;
  }

  configure(): void {
    this.#setOutputs(0);
    this.setBreak(false);
  }

  adopt(termios: Termios): Termios {
    const lineControl = this.#hardware.registers.read(LINE_CONTROL);
    const divisor = this.#readDivisor();
    const kept = this.#keptUp(termios);
    // Nobody has set a speed since the power came.
    if (divisor === 0) return kept;
    const isSame = (lineControl & ~LCR_BREAK) === lineControlOf(kept.controlFlags);
    const framed = isSame ? kept : withControlFlags(kept, WIRE_FLAGS, controlFlagsOf(lineControl));
    // A speed that was rounded stays what the program has asked for, and B0 is in no register.
    return isHungUp(kept) || divisor === divisorOf(kept) ? framed : atSpeed(framed, Math.round(CLOCK / divisor));
  }

  activate(termios: Termios, keep: boolean): void {
    const { registers } = this.#hardware;
    if (keep) this.#outputs = this.#readOutputs();
    registers.write(FIFO_CONTROL, FCR_ENABLE_AND_CLEAR);
    // The output that lets interrupts through leads to no connector.
    this.changeOutputs(TIOCM_OUT2, 0);
    registers.write(INTERRUPT_ENABLE, IER_RECEIVE);
    // A chip that nobody has set up has no speed that could be kept.
    if (!keep || this.#readDivisor() === 0) this.#program(termios);
  }

  shutdown(): void {
    const { registers } = this.#hardware;
    registers.write(INTERRUPT_ENABLE, 0);
    this.changeOutputs(0, TIOCM_OUT2);
    this.setBreak(false);
  }

  setDtrRts(on: boolean): void {
    const lines = TIOCM_DTR | TIOCM_RTS;
    this.changeOutputs(on ? lines : 0, on ? 0 : lines);
  }

  setTermios(wanted: Termios, last: Termios): Termios {
    const next = possible(wanted, last);
    if (!changesWire(next, last)) return next;
    this.#program(next);
    if (isHungUp(next) !== isHungUp(last)) this.setDtrRts(!isHungUp(next));
    return next;
  }

  /** What interrupts is written in the chip, where the next kernel's driver finds it. */
  get isListening(): boolean {
    return (this.#hardware.registers.read(INTERRUPT_ENABLE) & IER_MODEM) !== 0;
  }

  listen(on: boolean): void {
    if (on !== this.isListening)
      this.#hardware.registers.write(INTERRUPT_ENABLE, on ? IER_RECEIVE | IER_MODEM : IER_RECEIVE);
  }

  inputs(): number {
    const status = this.#hardware.registers.read(MODEM_STATUS);
    return inputBits.reduce((inputs, [line, bit]) => inputs | ((status & bit) === 0 ? 0 : line), 0);
  }

  changeOutputs(set: number, clear: number): void {
    // The driver moves RTS itself while it sends.
    const own = (this.#rs485.flags & SER_RS485_ENABLED) === 0 ? 0 : TIOCM_RTS;
    this.#setOutputs((this.#outputs & ~(clear & ~own)) | (set & ~own));
  }

  setBreak(on: boolean): void {
    const { registers } = this.#hardware;
    const lineControl = registers.read(LINE_CONTROL);
    const wanted = on ? lineControl | LCR_BREAK : lineControl & ~LCR_BREAK;
    if (wanted === lineControl) return;
    registers.write(LINE_CONTROL, wanted);
    this.#hardware.setBreak(on);
  }

  setRs485(rs485: SerialRs485): void {
    if (!this.#hardware.transceiver) throw noTransceiver(this.name);
    this.#rs485 = possibleRs485(rs485);
    const { flags } = this.#rs485;
    if ((flags & SER_RS485_ENABLED) !== 0) this.#setRts((flags & SER_RS485_RTS_AFTER_SEND) !== 0);
  }

  transmit(bytes: Uint8Array, termios: Termios): void {
    const { bitTime, bits } = framing(termios);
    const { flags, delayBeforeSend, delayAfterSend } = this.#rs485;
    if ((flags & SER_RS485_ENABLED) === 0) {
      this.#hardware.transmit(bytes, bitTime, bits);
      return;
    }
    this.#setRts((flags & SER_RS485_RTS_ON_SEND) !== 0);
    this.#hardware.delay(delayBeforeSend * 1000);
    this.#hardware.transmit(bytes, bitTime, bits);
    this.#hardware.delay(delayAfterSend * 1000);
    this.#setRts((flags & SER_RS485_RTS_AFTER_SEND) !== 0);
  }

  restore({ outputs, rs485 }: DriverState): void {
    this.#outputs = outputs;
    this.#rs485 = rs485;
  }

  /** Lines that are up were left so by somebody who wanted it: no close by those who only look lets them fall. */
  #keptUp(termios: Termios): Termios {
    const up = (this.#readOutputs() & (TIOCM_DTR | TIOCM_RTS)) !== 0;
    return up ? withControlFlags(termios, HUPCL, 0) : termios;
  }

  #program(termios: Termios): void {
    const { registers } = this.#hardware;
    const divisor = divisorOf(termios);
    const lineControl = lineControlOf(termios.controlFlags);
    registers.write(LINE_CONTROL, lineControl | LCR_DLAB);
    registers.write(DIVISOR_LOW, divisor & 0xff);
    registers.write(DIVISOR_HIGH, divisor >> 8);
    registers.write(LINE_CONTROL, lineControl);
  }

  #readDivisor(): number {
    const { registers } = this.#hardware;
    const lineControl = registers.read(LINE_CONTROL);
    registers.write(LINE_CONTROL, lineControl | LCR_DLAB);
    const divisor = registers.read(DIVISOR_LOW) | (registers.read(DIVISOR_HIGH) << 8);
    registers.write(LINE_CONTROL, lineControl);
    return divisor;
  }

  #readOutputs(): number {
    const control = this.#hardware.registers.read(MODEM_CONTROL);
    return outputBits.reduce((outputs, [line, bit]) => outputs | ((control & bit) === 0 ? 0 : line), 0);
  }

  #setRts(on: boolean): void {
    this.#setOutputs(on ? this.#outputs | TIOCM_RTS : this.#outputs & ~TIOCM_RTS);
  }

  #setOutputs(outputs: number): void {
    this.#outputs = outputs;
    const control = outputBits.reduce((bits, [line, bit]) => bits | ((outputs & line) === 0 ? 0 : bit), 0);
    const { registers } = this.#hardware;
    if (registers.read(MODEM_CONTROL) !== control) registers.write(MODEM_CONTROL, control);
  }
}

/** What the clock can make of it: where a speed is too fast, the old one stays (measured). */
export function possible(wanted: Termios, last: Termios): Termios {
  if (wanted.outputSpeed <= CLOCK) return wanted;
  return atSpeed(wanted, last.outputSpeed > 0 ? last.outputSpeed : initialTermios.outputSpeed);
}

/** At B0 it is one that nobody hears. */
function divisorOf({ outputSpeed }: Termios): number {
  return Math.max(1, Math.min(0xffff, Math.round(CLOCK / (outputSpeed || initialTermios.outputSpeed))));
}
