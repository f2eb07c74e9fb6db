/** An emulated serial port: chip, wires and board put together. */
import type { SerialDriverName, SerialPort } from '../kernel/tty/serial-hardware.js';
import { createBoard } from './boards.js';
import { type Chip, createChip } from './chips.js';
import type { Clock } from './clock.js';
import type { EmulatedPortSpec } from './options.js';
import { Unplugged } from './unplugged.js';
import { WaveformRecorder } from './waveform-recorder.js';
import { type Board, RecordedWires } from './wires.js';

/** What a port tells the machine. Any of it may come from within a call to the port, or while the clock runs. */
export interface PortEvents {
  /** Bytes came in. */
  received(bytes: Uint8Array): void;
  /** The port has something new to say of its inputs: to be read in its registers, or by `inputs`. */
  interrupt(): void;
  /** Makes what is thrown for a request to a port that is unplugged: `Unplugged` where this is not given. */
  unplugged?(message: string): Error;
}

export interface EmulatedPort {
  readonly hardware: SerialPort;
  /** What it is, for people: `8250, esp32`. */
  readonly description: string;
  /** What has been happening on the wires. */
  readonly waveform: WaveformRecorder;
  readonly board: Board;
  readonly isPlugged: boolean;
  /** Ports that are a part of the machine cannot be unplugged. */
  readonly isRemovable: boolean;
  /**
   * Takes the port away, and its board the power. What it sends is lost, and every request throws until `plug`.
   *
   * @throws RangeError where the port is not removable
   */
  unplug(): void;
  /** Puts it back, as it is after power-on. @throws RangeError where the port is not removable */
  plug(): void;
}

export interface EmulatedPortOptions {
  /** Edges, bursts and notes that the waveform keeps. */
  readonly waveformCapacity?: number;
}

/** What hangs on a cable. */
const removable: readonly SerialDriverName[] = ['cdc-acm', 'usb-serial'];

export function createEmulatedPort(
  spec: EmulatedPortSpec,
  clock: Clock,
  events: PortEvents,
  options: EmulatedPortOptions = {},
): EmulatedPort {
  return new PluggablePort(spec, clock, events, options);
}

class PluggablePort implements EmulatedPort {
  readonly hardware: SerialPort;
  readonly description: string;
  readonly waveform: WaveformRecorder;
  readonly board: Board;
  readonly isRemovable: boolean;
  readonly #spec: EmulatedPortSpec;
  readonly #events: PortEvents;
  readonly #wires: RecordedWires;
  readonly #chip: Chip;
  #isPlugged = true;

  constructor(spec: EmulatedPortSpec, clock: Clock, events: PortEvents, options: EmulatedPortOptions) {
    this.#spec = spec;
    this.#events = events;
    this.description = `${spec.driver}, ${spec.board}`;
    this.isRemovable = removable.includes(spec.driver);
    this.waveform = new WaveformRecorder(clock, spec.name, options.waveformCapacity);
    this.#wires = new RecordedWires(clock, this.waveform, {
      received: (bytes) => {
        if (this.#isPlugged && this.#chip.isListening) events.received(bytes);
      },
      inputsChanged: (inputs) => {
        if (this.#isPlugged) this.#chip.inputsChanged(inputs);
      },
    });
    this.#chip = createChip(spec, clock, this.#wires, {
      received: (bytes) => events.received(bytes),
      interrupt: () => events.interrupt(),
      check: () => this.#check(),
    });
    this.hardware = this.#chip.hardware;
    this.board = createBoard(spec.board, clock, this.#wires);
    this.#wires.connect(this.board);
  }

  get isPlugged(): boolean {
    return this.#isPlugged;
  }

  unplug(): void {
    this.#checkRemovable('unplug');
    if (!this.#isPlugged) return;
    this.#chip.reset();
    this.#isPlugged = false;
    this.waveform.note(`${this.#spec.name}: unplugged`);
    this.board.powerChanged?.(false);
    this.#wires.silence();
  }

  plug(): void {
    this.#checkRemovable('plug');
    if (this.#isPlugged) return;
    this.#isPlugged = true;
    this.waveform.note(`${this.#spec.name}: plugged in`);
    this.board.powerChanged?.(true);
    this.#chip.inputsChanged(this.#wires.inputs);
  }

  #check(): void {
    if (this.#isPlugged) return;
    const message = `Cannot reach ${this.#spec.name}: it is unplugged`;
    throw this.#events.unplugged?.(message) ?? new Unplugged(message);
  }

  #checkRemovable(verb: string): void {
    if (this.isRemovable) return;
    const { name, driver } = this.#spec;
    throw new RangeError(`Cannot ${verb} ${name}: a port of driver ${driver} is a part of the machine`);
  }
}
