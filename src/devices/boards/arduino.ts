import { bytesOf, LineReader } from '../bytes.js';
import type { Clock } from '../clock.js';
import type { Board, Outputs, Wires } from '../wires.js';
import { Optiboot } from './optiboot.js';

/** How long the capacitor keeps RESET low: 100 nF with 10 kΩ, in microseconds. */
export const RESET_PULSE = 1_000;
/** So long after the last byte, the bootloader gives up and the sketch starts. */
export const BOOTLOADER_TIME = 1_000_000;

/**
 * An Arduino Uno. Between DTR and RESET lies a capacitor: each time that DTR becomes asserted, and only then, RESET is
 * low for a moment. The bootloader runs after that, and then the sketch, which says `ready` and repeats each line. The
 * sketch is running when the wires are made.
 */
export class Arduino implements Board {
  readonly name = 'arduino';
  readonly #clock: Clock;
  readonly #wires: Wires;
  readonly #lines = new LineReader();
  #dtr = false;
  #hasPower = true;
  #mode: 'sketch' | 'bootloader' | 'reset' = 'sketch';
  #bootloader: Optiboot | undefined;
  #cancel = () => {};
  #resets = 0;

  constructor(clock: Clock, wires: Wires) {
    this.#clock = clock;
    this.#wires = wires;
    wires.signal('RESET', 1);
  }

  get mode(): 'sketch' | 'bootloader' | 'reset' {
    return this.#mode;
  }

  /** Resets by DTR. A power-on is none. */
  counts(): Readonly<Record<string, number>> {
    return { resets: this.#resets };
  }

  linesChanged({ dtr }: Outputs): void {
    const isAsserted = dtr && !this.#dtr;
    this.#dtr = dtr;
    if (!isAsserted || !this.#hasPower) return;
    this.#resets += 1;
    this.#wires.note(`Arduino: reset ${this.#resets}: DTR became asserted`);
    this.#reset();
  }

  received(bytes: Uint8Array): void {
    if (this.#mode === 'sketch') {
      for (const line of this.#lines.push(bytes)) this.#print(`${line}\r\n`);
      return;
    }
    if (this.#mode !== 'bootloader') return;
    this.#waitForProgrammer();
    this.#bootloader?.received(bytes);
  }

  powerChanged(on: boolean): void {
    this.#hasPower = on;
    this.#wires.note(on ? 'Arduino: power on' : 'Arduino: power off');
    if (on) this.#reset();
    else this.#hold();
  }

  #reset(): void {
    this.#hold();
    this.#cancel = this.#clock.after(RESET_PULSE, () => {
      this.#wires.signal('RESET', 1);
      this.#startBootloader();
    });
  }

  #hold(): void {
    this.#cancel();
    this.#wires.silence();
    this.#wires.signal('RESET', 0);
    this.#mode = 'reset';
  }

  #startBootloader(): void {
    this.#mode = 'bootloader';
    this.#bootloader = new Optiboot(
      (bytes) => this.#wires.send(bytes),
      () => this.#startSketch(),
    );
    this.#waitForProgrammer();
  }

  #waitForProgrammer(): void {
    this.#cancel();
    this.#cancel = this.#clock.after(BOOTLOADER_TIME, () => this.#startSketch());
  }

  #startSketch(): void {
    this.#cancel();
    this.#mode = 'sketch';
    this.#lines.clear();
    this.#wires.note('Arduino: the sketch starts');
    this.#print('ready\r\n');
  }

  #print(text: string): void {
    this.#wires.send(bytesOf(text));
  }
}
