/** What lies between a port and a board: the lines, and the record of what happens on them. */
import type { Clock } from './clock.js';
import type { Level } from './waveform.js';
import type { WaveformRecorder } from './waveform-recorder.js';

/** True where asserted. */
export interface Outputs {
  readonly dtr: boolean;
  readonly rts: boolean;
}

/** True where asserted. */
export interface Inputs {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly dcd: boolean;
  readonly ri: boolean;
}

export const noInputs: Inputs = { cts: false, dsr: false, dcd: false, ri: false };

/** The port, as a board sees it. */
export interface Wires {
  /**
   * Sends bytes to the port, behind those that are being sent: 115200 bits a second, ten bits a byte. The port has them
   * when the last one has passed.
   */
  send(bytes: Uint8Array): void;
  /** Sends bytes that were on the wire since `began`, as a wire does that only leads back. The port has them at once. */
  reflect(bytes: Uint8Array, began: number): void;
  /** Forgets what is not sent yet: the sender was reset. */
  silence(): void;
  /** Those that are not named stay as they are. */
  setInputs(inputs: Partial<Inputs>): void;
  /** A sentence about what the board does, beginning with its name. */
  note(text: string): void;
  /** Sets a pin of the board. The first call makes it known, with the level that it has had so far. */
  signal(name: string, level: Level): void;
}

/** Emulated hardware at the end of the wires. It has power from the beginning. */
export interface Board {
  readonly name: string;
  /** One of the outputs changed, or both at one instant. */
  linesChanged(outputs: Outputs): void;
  /** The port begins to send. What it sends comes when the last bit has passed. */
  sendingBegins?(): void;
  /** @param began when the first bit passed */
  received(bytes: Uint8Array, began: number): void;
  /** A board that the port feeds loses its power with it. */
  powerChanged?(on: boolean): void;
  /** What the board has counted so far, such as its resets. */
  counts(): Readonly<Record<string, number>>;
}

/** The port, as the wires see it. */
export interface PortEnd {
  received(bytes: Uint8Array): void;
  inputsChanged(inputs: Inputs): void;
}

/** How long a byte from a board takes, in microseconds. */
export const BYTE_TIME = (10 * 1_000_000) / 115_200;

const inputNames: Readonly<Record<keyof Inputs, string>> = { cts: 'CTS', dsr: 'DSR', dcd: 'DCD', ri: 'RI' };
// The keys of the table are the names.
const inputKeys = Object.keys(inputNames) as (keyof Inputs)[];

export class RecordedWires implements Wires {
  readonly #clock: Clock;
  readonly #recorder: WaveformRecorder;
  readonly #port: PortEnd;
  #board: Board | undefined;
  #outputs: Outputs = { dtr: false, rts: false };
  #inputs = noInputs;
  /** When the last byte that was given to `send` will have passed. */
  #busyUntil = 0;
  readonly #sending = new Set<() => void>();

  constructor(clock: Clock, recorder: WaveformRecorder, port: PortEnd) {
    this.#clock = clock;
    this.#recorder = recorder;
    this.#port = port;
    for (const name of ['DTR', 'RTS', 'BREAK']) recorder.declare(name, 'output', 0);
    for (const key of inputKeys) recorder.declare(inputNames[key], 'input', 0);
  }

  get inputs(): Inputs {
    return this.#inputs;
  }

  get outputs(): Outputs {
    return this.#outputs;
  }

  /** Before this, nothing is at the other end. */
  connect(board: Board): void {
    this.#board = board;
  }

  /** Both at one instant. */
  setOutputs(outputs: Outputs): void {
    const { dtr, rts } = outputs;
    if (dtr === this.#outputs.dtr && rts === this.#outputs.rts) return;
    this.#outputs = { dtr, rts };
    this.#recorder.set('DTR', levelOf(dtr));
    this.#recorder.set('RTS', levelOf(rts));
    this.#board?.linesChanged(this.#outputs);
  }

  setBreak(on: boolean): void {
    this.#recorder.set('BREAK', levelOf(on));
  }

  /** Bytes from the port to the board. Returns when the last bit has passed. */
  transmit(bytes: Uint8Array, bitTime: number, bitsPerByte: number): void {
    if (bytes.length === 0) return;
    const began = this.#clock.now();
    this.#board?.sendingBegins?.();
    this.#clock.advance(bytes.length * bitsPerByte * bitTime);
    this.#recorder.passed('TXD', began, bytes.length);
    this.#board?.received(bytes, began);
  }

  send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const began = Math.max(this.#clock.now(), this.#busyUntil);
    this.#busyUntil = began + bytes.length * BYTE_TIME;
    const cancel = this.#clock.after(this.#busyUntil - this.#clock.now(), () => {
      this.#sending.delete(cancel);
      this.reflect(bytes, began);
    });
    this.#sending.add(cancel);
  }

  reflect(bytes: Uint8Array, began: number): void {
    this.#recorder.passed('RXD', began, bytes.length);
    this.#port.received(bytes);
  }

  silence(): void {
    for (const cancel of this.#sending) cancel();
    this.#sending.clear();
    this.#busyUntil = 0;
  }

  setInputs(changed: Partial<Inputs>): void {
    const inputs = { ...this.#inputs, ...changed };
    if (inputKeys.every((key) => inputs[key] === this.#inputs[key])) return;
    this.#inputs = inputs;
    for (const key of inputKeys) this.#recorder.set(inputNames[key], levelOf(inputs[key]));
    this.#port.inputsChanged(inputs);
  }

  note(text: string): void {
    this.#recorder.note(text);
  }

  signal(name: string, level: Level): void {
    this.#recorder.declare(name, 'other', level);
    this.#recorder.set(name, level);
  }
}

function levelOf(asserted: boolean): Level {
  return asserted ? 1 : 0;
}
