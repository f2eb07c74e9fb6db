/** The time of emulated hardware, in microseconds. It is modelled: what drives it says when it passes. */

export interface Clock {
  /** In microseconds. Never goes back. */
  now(): number;
  /** Lets time pass. What falls due meanwhile happens before it returns, in order, each thing at its own time. */
  advance(microseconds: number): void;
  /**
   * Calls `action` so much later.
   *
   * @returns what cancels it; once the action has been called, that does nothing
   */
  after(microseconds: number, action: () => void): () => void;
}

interface Appointment {
  readonly at: number;
  readonly action: () => void;
}

/**
 * A clock that stands still until somebody runs it: a test, or a machine whose timers keep it at the time of day. Such a
 * machine sets its next timer for `nextDue`.
 */
export class ManualClock implements Clock {
  #now: number;
  /** The earliest first; those of one instant in the order in which they were made. */
  readonly #appointments: Appointment[] = [];

  /** @param start in microseconds */
  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** When the next action falls due; undefined where there is none. */
  get nextDue(): number | undefined {
    return this.#appointments[0]?.at;
  }

  /** What drives the clock calls this, and what is driven by it calls `advance`. They do the same. */
  run(microseconds: number): void {
    this.advance(microseconds);
  }

  advance(microseconds: number): void {
    const end = this.#now + checked(microseconds);
    for (let due = this.#takeDue(end); due !== undefined; due = this.#takeDue(end)) {
      // An action that let time pass itself may have gone beyond this one.
      this.#now = Math.max(this.#now, due.at);
      due.action();
    }
    this.#now = Math.max(this.#now, end);
  }

  after(microseconds: number, action: () => void): () => void {
    const appointment = { at: this.#now + checked(microseconds), action };
    const later = this.#appointments.findIndex(({ at }) => at > appointment.at);
    this.#appointments.splice(later < 0 ? this.#appointments.length : later, 0, appointment);
    return () => {
      const index = this.#appointments.indexOf(appointment);
      if (index >= 0) this.#appointments.splice(index, 1);
    };
  }

  #takeDue(end: number): Appointment | undefined {
    const [first] = this.#appointments;
    return first !== undefined && first.at <= end ? this.#appointments.shift() : undefined;
  }
}

function checked(microseconds: number): number {
  if (Number.isFinite(microseconds) && microseconds >= 0) return microseconds;
  throw new RangeError(`Cannot let ${microseconds} microseconds pass: it must be a number of at least 0`);
}
