import type { PowerSupply } from '../kernel/tty/serial-hardware.js';

/** A supply that tells what it feeds. It is off at first. */
export class SwitchedPower implements PowerSupply {
  readonly #changed: (on: boolean) => void;
  #isOn = false;

  constructor(changed: (on: boolean) => void) {
    this.#changed = changed;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** To what it is already does nothing. */
  set(on: boolean): void {
    if (on === this.#isOn) return;
    this.#isOn = on;
    this.#changed(on);
  }
}
