/** How many crashes may come in how long a time before a machine is not booted again by itself. Milliseconds. */
const MOST = 3;
const WITHIN = 60_000;

/** The crashes of a machine that boots again by itself: one that crashes at once would do so for ever. */
export class Crashes {
  readonly #now: () => number;
  #times: number[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Another one has happened.
   *
   * @returns whether to try again
   */
  another(): boolean {
    const now = this.#now();
    this.#times = [...this.#times.filter((time) => now - time < WITHIN), now];
    return this.#times.length <= MOST;
  }
}
