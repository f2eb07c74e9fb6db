/** A tty on a bench: kernel, driver and emulated chip, with the programs that have it open. */
import { createBoard } from '../../../devices/boards.js';
import { type Chip, createChip } from '../../../devices/chips.js';
import { ManualClock } from '../../../devices/clock.js';
import { type EmulatedPortSpec, parseSerialPort } from '../../../devices/options.js';
import { type Glitch, glitches, type Waveform } from '../../../devices/waveform.js';
import { WaveformRecorder } from '../../../devices/waveform-recorder.js';
import type { Board, Inputs } from '../../../devices/wires.js';
import {
  decodeTermios,
  encodeTermios,
  TERMIOS_SIZE,
  TERMIOS2_SIZE,
  type Termios,
  ttyCommands,
} from '../../../uapi/tty.js';
import { KernelError } from '../../error.js';
import { address, FakeMemory } from '../../testing/fake-memory.js';
import { driverOf } from '../drivers/driver-of.js';
import { type TtyAnswer, ttyIoctl } from '../ioctl.js';
import type { SerialPort } from '../serial-hardware.js';
import { Tty, type TtyOpening } from '../tty.js';
import { EdgeLog, LoggedWires, loggedRegisters } from './edge-log.js';
import { changeTermios } from './stty.js';

type Command = keyof typeof ttyCommands;

export class TtyBench {
  readonly clock = new ManualClock();
  readonly edges = new EdgeLog();
  readonly board: Board;
  /** What the drivers see. */
  readonly hardware: SerialPort;
  tty: Tty;
  /** Open files; those that were hung up are none any more. */
  files = 0;
  readonly #recorder: WaveformRecorder;
  readonly #wires: LoggedWires;
  readonly #chip: Chip;
  readonly #memory = new FakeMemory();
  #isPlugged = true;
  #depth = 0;
  #interrupted = false;
  #unsent = 0;
  #sent = 0;

  /** @param text as `luo run --serial` takes it */
  constructor(text: string) {
    const spec = emulated(text);
    this.#recorder = new WaveformRecorder(this.clock, spec.name);
    this.#wires = new LoggedWires(this.clock, this.#recorder, {
      received: (bytes) => this.tty.receive(bytes),
      inputsChanged: (inputs) => this.#isPlugged && this.#chip.inputsChanged(inputs),
    });
    this.#chip = createChip(spec, this.clock, this.#wires, {
      received: () => {},
      interrupt: () => this.#interrupt(),
      check: () => {
        if (!this.#isPlugged) throw new KernelError('ENODEV', `Cannot reach ${spec.name}: it is unplugged`);
      },
    });
    this.hardware = this.#logged(this.#chip.hardware);
    this.board = createBoard(spec.board, this.clock, this.#wires);
    this.#wires.connect(this.board);
    this.tty = new Tty(driverOf(this.hardware));
  }

  get waveform(): Waveform {
    return this.#recorder.snapshot();
  }

  /** Pulses that are shorter than a tenth of a second. */
  get glitches(): Glitch[] {
    return glitches(this.waveform, 100_000);
  }

  /** Whether the lines are asserted, as the other end sees them. */
  get lines(): { dtr: boolean; rts: boolean } {
    return this.#wires.outputs;
  }

  /** @returns whether it is open; a waiting open else */
  open(opening: Partial<TtyOpening> = {}): boolean {
    const isOpen = this.during(() => this.tty.open({ keep: false, nonblock: true, privileged: true, ...opening }));
    if (isOpen) this.files += 1;
    return isOpen;
  }

  /** One open file less. @returns whether it was the last one */
  close(): boolean {
    if (this.files === 0) return false;
    this.files -= 1;
    if (this.files > 0) return false;
    this.#unsent = 0;
    this.during(() => this.tty.close());
    return true;
  }

  hangUp(): void {
    this.files = 0;
    this.during(() => this.tty.hangUp());
  }

  unplug(): void {
    this.tty.unplug();
    this.files = 0;
    this.#chip.reset();
    this.#isPlugged = false;
  }

  plug(): void {
    this.#isPlugged = true;
    this.#chip.inputsChanged(this.#wires.inputs);
    this.nextKernel();
  }

  /** Another kernel, whose driver finds the port. */
  nextKernel(): void {
    this.files = 0;
    this.tty = new Tty(driverOf(this.hardware));
    this.tty.configure();
  }

  setInputs(inputs: Partial<Inputs>): void {
    this.#wires.setInputs(inputs);
  }

  /** A command with a structure, or with a number, as its argument. What the kernel writes is in `given` afterwards. */
  ioctl(command: Command, given: Uint8Array | number = 0, privileged = true): TtyAnswer {
    const number = ttyCommands[command];
    const call = { command: number, memory: this.#memory, privileged };
    if (typeof given === 'number') {
      return this.during(() => ttyIoctl(this.tty, { ...call, argument: address(BigInt(given)) }));
    }
    const argument = this.#memory.put(given);
    try {
      return this.during(() => ttyIoctl(this.tty, { ...call, argument }));
    } finally {
      given.set(this.#memory.read(argument, given.length));
      this.#memory.unmap(argument);
    }
  }

  /** A command whose argument is a pointer to an int. @returns the int afterwards */
  ioctlInt(command: Command, value = 0, privileged = true): number {
    const bytes = new Uint8Array(4);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, value, true);
    this.ioctl(command, bytes, privileged);
    return view.getInt32(0, true);
  }

  /** As TCGETS2 tells them. */
  get termios(): Termios {
    const bytes = new Uint8Array(TERMIOS2_SIZE);
    this.ioctl('TCGETS2', bytes);
    return decodeTermios(bytes);
  }

  /** Sets what words such as `B0 -HUPCL` say; the rest stays. */
  stty(words: string, command: 'TCSETS' | 'TCSETS2' = 'TCSETS'): void {
    const bytes = encodeTermios(changeTermios(this.termios, words));
    this.ioctl(command, command === 'TCSETS' ? bytes.subarray(0, TERMIOS_SIZE) : bytes);
  }

  write(bytes: number): void {
    this.#unsent += bytes;
    this.#send();
  }

  /** The bytes that went out since the last call. */
  takeSent(): number {
    const sent = this.#sent;
    this.#sent = 0;
    return sent;
  }

  during<Result>(run: () => Result): Result {
    this.#depth += 1;
    try {
      return run();
    } finally {
      this.#depth -= 1;
      this.#handleInterrupts();
    }
  }

  #send(): void {
    if (this.#unsent === 0 || !this.tty.canTransmit) return;
    const bytes = new Uint8Array(this.#unsent);
    this.#unsent = 0;
    this.#sent += bytes.length;
    this.during(() => this.tty.transmit(bytes));
  }

  #interrupt(): void {
    this.#interrupted = true;
    this.#handleInterrupts();
  }

  #handleInterrupts(): void {
    while (this.#interrupted && this.#depth === 0) {
      this.#interrupted = false;
      if (this.tty.interrupt() === 'hung-up') this.files = 0;
      this.#send();
    }
  }

  #logged(hardware: SerialPort): SerialPort {
    if (hardware.driver === '8250') {
      return { ...hardware, registers: loggedRegisters(hardware.registers, this.edges) };
    }
    this.#wires.log = this.edges;
    return hardware;
  }
}

function emulated(text: string): EmulatedPortSpec {
  const spec = parseSerialPort(text);
  if (spec.driver === 'host') throw new TypeError(`Cannot emulate ${text}: it is a port of the host`);
  return spec;
}
