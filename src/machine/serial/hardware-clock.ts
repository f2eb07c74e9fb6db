import { ManualClock } from '../../devices/clock.js';

/** Calls an action once, so many milliseconds from now. */
export type After = (milliseconds: number, action: () => void) => void;

/**
 * The time of emulated hardware. It passes as the time of day does, and faster while bytes are sent: they take as long
 * on their wire as they take, and the machine does not wait for them. What is due later comes that much earlier then.
 */
export class HardwareClock extends ManualClock {
  readonly #after: After;
  /** Up to which time of day this clock has followed it, in milliseconds. */
  #followed = performance.now();
  /** When a timer of the machine will wake it, in milliseconds of the time of day. */
  #wakesAt = Number.POSITIVE_INFINITY;

  constructor(after: After) {
    super();
    this.#after = after;
  }

  /** Lets the time pass that has passed. */
  catchUp(): void {
    const now = performance.now();
    const passed = now - this.#followed;
    // What happens meanwhile may ask for the same.
    this.#followed = now;
    this.run(passed * 1000);
  }

  /** Sees to it that what is due next will happen. */
  setTimer(): void {
    const due = this.nextDue;
    if (due === undefined) return;
    const at = this.#followed + (due - this.now()) / 1000;
    if (at >= this.#wakesAt) return;
    this.#wakesAt = at;
    this.#after(Math.max(0, at - performance.now()), () => {
      // An earlier one may have been set since.
      if (this.#wakesAt === at) this.#wakesAt = Number.POSITIVE_INFINITY;
      this.catchUp();
      this.setTimer();
    });
  }
}
