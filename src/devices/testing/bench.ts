/** A port on a bench: with its board, and what came out of it. */
import { textOf } from '../bytes.js';
import { ManualClock } from '../clock.js';
import { createEmulatedPort, type EmulatedPort } from '../emulated-port.js';
import { type EmulatedPortSpec, parseSerialPort } from '../options.js';
import type { Waveform } from '../waveform.js';
import { WaveformRecorder } from '../waveform-recorder.js';
import { type Board, type Inputs, RecordedWires, type Wires } from '../wires.js';

/** A bit at 115200 a second, in microseconds. */
export const BIT_TIME = 1_000_000 / 115_200;

/** A board and its wires, without a chip. */
export class BoardBench<Kind extends Board> {
  readonly clock = new ManualClock();
  readonly wires: RecordedWires;
  readonly board: Kind;
  readonly #recorder = new WaveformRecorder(this.clock, 'ttyS0');
  #received: number[] = [];

  constructor(make: (clock: ManualClock, wires: Wires) => Kind) {
    this.wires = new RecordedWires(this.clock, this.#recorder, {
      received: (bytes) => this.#received.push(...bytes),
      inputsChanged: () => {},
    });
    this.board = make(this.clock, this.wires);
    this.wires.connect(this.board);
  }

  get inputs(): Inputs {
    return this.wires.inputs;
  }

  get waveform(): Waveform {
    return this.#recorder.snapshot();
  }

  get notes(): string[] {
    return this.waveform.notes.map(({ text }) => text);
  }

  /** Both outputs at one instant. */
  lines(dtr: boolean, rts: boolean): void {
    this.wires.setOutputs({ dtr, rts });
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Uint8Array.from(data, (character) => character.charCodeAt(0)) : data;
    this.wires.transmit(bytes, BIT_TIME, 10);
  }

  /** What came since the last call. */
  takeBytes(): number[] {
    const bytes = this.#received;
    this.#received = [];
    return bytes;
  }

  takeText(): string {
    return textOf(Uint8Array.from(this.takeBytes()));
  }

  edgesOf(signal: string): readonly number[] {
    return this.waveform.signals.find(({ name }) => name === signal)?.edges ?? [];
  }
}

/** A port as the machine has it. */
export class PortBench {
  readonly clock = new ManualClock();
  readonly port: EmulatedPort;
  interrupts = 0;
  #received = '';

  /** @param text as `luo run --serial` takes it */
  constructor(text: string) {
    this.port = createEmulatedPort(emulated(text), this.clock, {
      received: (bytes) => {
        this.#received += textOf(bytes);
      },
      interrupt: () => {
        this.interrupts += 1;
      },
    });
  }

  takeText(): string {
    const text = this.#received;
    this.#received = '';
    return text;
  }

  edgesOf(signal: string): readonly number[] {
    return this.port.waveform.snapshot().signals.find(({ name }) => name === signal)?.edges ?? [];
  }
}

export function emulated(text: string): EmulatedPortSpec {
  const spec = parseSerialPort(text);
  if (spec.driver === 'host') throw new TypeError(`Cannot emulate ${text}: it is a port of the host`);
  return spec;
}
