/**
 * The registers of a 16550A, as its data sheet has them. Bytes do not pass through them: a port has `transmit` and
 * `received` for that, so the receiver is always empty and the transmitter always ready.
 */
import type { UartRegisters } from '../kernel/tty/serial-hardware.js';
import { type Inputs, noInputs, type Outputs } from './wires.js';

/** Registers by their offset. Two have another meaning while LCR_DLAB is set, and one while it is written. */
export const uart = { RBR: 0, IER: 1, IIR: 2, LCR: 3, MCR: 4, LSR: 5, MSR: 6, SCR: 7, DLL: 0, DLM: 1, FCR: 2 } as const;

export const IER_THRI = 0x02;
export const IER_MSI = 0x08;
export const IIR_NO_INT = 0x01;
export const IIR_THRI = 0x02;
export const IIR_MSI = 0x00;
export const IIR_FIFO_ENABLED = 0xc0;
export const FCR_ENABLE_FIFO = 0x01;
export const LCR_SBC = 0x40;
export const LCR_DLAB = 0x80;
export const MCR_DTR = 0x01;
export const MCR_RTS = 0x02;
export const MCR_OUT1 = 0x04;
export const MCR_OUT2 = 0x08;
export const MCR_LOOP = 0x10;
export const LSR_THRE = 0x20;
export const LSR_TEMT = 0x40;
export const MSR_DCTS = 0x01;
export const MSR_DDSR = 0x02;
export const MSR_TERI = 0x04;
export const MSR_DDCD = 0x08;
export const MSR_CTS = 0x10;
export const MSR_DSR = 0x20;
export const MSR_RI = 0x40;
export const MSR_DCD = 0x80;

const IER_WRITABLE = 0x0f;
const MCR_WRITABLE = 0x1f;

/** What the chip is connected to. */
export interface UartPins {
  /** DTR and RTS at one instant. */
  setOutputs(outputs: Outputs): void;
  setBreak(on: boolean): void;
  /** The interrupt line is asserted. It is not gated by OUT2, as it is on ISA boards. */
  interrupt(): void;
}

export class Uart16550 implements UartRegisters {
  readonly #pins: UartPins;
  #inputs: Inputs = noInputs;
  #ier = 0;
  #fifoEnabled = false;
  #lcr = 0;
  #mcr = 0;
  #scr = 0;
  #divisor = 0;
  /** The low four bits of MSR: what changed since it was read. */
  #deltas = 0;
  /** The transmitter is empty, and nobody has read so in IIR. */
  #transmitterPending = false;

  constructor(pins: UartPins) {
    this.#pins = pins;
  }

  /** What the chip sends goes back into it, and the outputs are inactive. */
  get isLooping(): boolean {
    return (this.#mcr & MCR_LOOP) !== 0;
  }

  read(offset: number): number {
    switch (offset) {
      case uart.RBR:
        return this.#hasLatches ? this.#divisor & 0xff : 0;
      case uart.IER:
        return this.#hasLatches ? this.#divisor >> 8 : this.#ier;
      case uart.IIR:
        return this.#identifyInterrupt();
      case uart.LCR:
        return this.#lcr;
      case uart.MCR:
        return this.#mcr;
      case uart.LSR:
        return LSR_THRE | LSR_TEMT;
      case uart.MSR:
        return this.#takeModemStatus();
      case uart.SCR:
        return this.#scr;
      default:
        throw noRegister('read', offset);
    }
  }

  /** What is written to a register that can only be read is lost. */
  write(offset: number, value: number): void {
    const byte = value & 0xff;
    switch (offset) {
      case uart.RBR:
        if (this.#hasLatches) this.#divisor = (this.#divisor & 0xff00) | byte;
        return;
      case uart.IER:
        if (this.#hasLatches) this.#divisor = (byte << 8) | (this.#divisor & 0xff);
        else this.#enableInterrupts(byte & IER_WRITABLE);
        return;
      case uart.FCR:
        this.#fifoEnabled = (byte & FCR_ENABLE_FIFO) !== 0;
        return;
      case uart.LCR:
        this.#lcr = byte;
        this.#driveOutputs();
        return;
      case uart.MCR:
        this.#setModemControl(byte & MCR_WRITABLE);
        return;
      case uart.LSR:
      case uart.MSR:
        return;
      case uart.SCR:
        this.#scr = byte;
        return;
      default:
        throw noRegister('write', offset);
    }
  }

  /** Tells the chip of its input pins. */
  inputsChanged(inputs: Inputs): void {
    const before = this.#modemLines;
    this.#inputs = inputs;
    this.#noticeDeltas(before, this.#modemLines);
  }

  /** As after power-on: all outputs inactive, and no input has changed. */
  reset(): void {
    this.#ier = 0;
    this.#fifoEnabled = false;
    this.#lcr = 0;
    this.#mcr = 0;
    this.#scr = 0;
    this.#divisor = 0;
    this.#deltas = 0;
    this.#transmitterPending = false;
    this.#driveOutputs();
  }

  get #hasLatches(): boolean {
    return (this.#lcr & LCR_DLAB) !== 0;
  }

  /** The upper four bits of MSR. In loop-back, the outputs take the place of the inputs. */
  get #modemLines(): number {
    const mcr = this.#mcr;
    const { cts, dsr, ri, dcd } = this.isLooping
      ? { cts: mcr & MCR_RTS, dsr: mcr & MCR_DTR, ri: mcr & MCR_OUT1, dcd: mcr & MCR_OUT2 }
      : this.#inputs;
    return (cts ? MSR_CTS : 0) | (dsr ? MSR_DSR : 0) | (ri ? MSR_RI : 0) | (dcd ? MSR_DCD : 0);
  }

  #setModemControl(mcr: number): void {
    const before = this.#modemLines;
    this.#mcr = mcr;
    // What is at the other end may answer the outputs with an input, which is another change.
    const now = this.#modemLines;
    this.#driveOutputs();
    this.#noticeDeltas(before, now);
  }

  #driveOutputs(): void {
    const isBroken = (this.#lcr & LCR_SBC) !== 0;
    const mcr = this.isLooping ? 0 : this.#mcr;
    this.#pins.setOutputs({ dtr: (mcr & MCR_DTR) !== 0, rts: (mcr & MCR_RTS) !== 0 });
    this.#pins.setBreak(isBroken && !this.isLooping);
  }

  /** RI counts where it ends; the others where they change. */
  #noticeDeltas(before: number, now: number): void {
    const changed = before ^ now;
    const deltas = ((changed & (MSR_CTS | MSR_DSR | MSR_DCD)) | (before & ~now & MSR_RI)) >> 4;
    if (deltas === 0) return;
    this.#deltas |= deltas;
    if ((this.#ier & IER_MSI) !== 0) this.#pins.interrupt();
  }

  #enableInterrupts(ier: number): void {
    const added = ier & ~this.#ier;
    this.#ier = ier;
    // The transmitter is empty already, so it says so as soon as it may.
    if ((added & IER_THRI) !== 0) this.#transmitterPending = true;
    const isDue = (added & IER_THRI) !== 0 || ((added & IER_MSI) !== 0 && this.#deltas !== 0);
    if (isDue) this.#pins.interrupt();
  }

  #identifyInterrupt(): number {
    const fifo = this.#fifoEnabled ? IIR_FIFO_ENABLED : 0;
    if (this.#transmitterPending && (this.#ier & IER_THRI) !== 0) {
      this.#transmitterPending = false;
      return fifo | IIR_THRI;
    }
    return fifo | ((this.#ier & IER_MSI) !== 0 && this.#deltas !== 0 ? IIR_MSI : IIR_NO_INT);
  }

  #takeModemStatus(): number {
    const status = this.#modemLines | this.#deltas;
    this.#deltas = 0;
    return status;
  }
}

function noRegister(verb: string, offset: number): RangeError {
  return new RangeError(`Cannot ${verb} register ${offset} of a 16550: it has registers 0 to 7`);
}
