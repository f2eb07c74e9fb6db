/** The processes of a generation. */
import { constants } from 'node:os';
import { type Exit, waitForChild } from '../host/processes.js';
import { descendants, endProcesses } from './process-tree.js';
import { asksToEnd } from './signals.js';

export class Programs {
  #first: { readonly pid: number; exit?: Exit } | undefined;
  /** The last signal that asked the first program to end. */
  #asked: NodeJS.Signals | undefined;
  /** A process that belongs to the next generation, and to none of these. */
  spared: number | undefined;

  /** The first program of a generation is this process from now on. */
  begin(pid: number): void {
    this.#first = { pid };
    this.#asked = undefined;
    if (this.spared === pid) this.spared = undefined;
  }

  /** How the first program ended, once it has. */
  get exit(): Exit | undefined {
    return this.#first?.exit;
  }

  /** Whether somebody asked the first program to end, by a signal that luo passed on. */
  get wasAskedToEnd(): boolean {
    return this.#asked !== undefined;
  }

  /** Every process of the machine, the first one included while it runs. */
  list(): number[] {
    return descendants(process.pid, this.#sparedSet());
  }

  /**
   * Reaps those that have ended, orphans too.
   *
   * @returns how each ended
   */
  reap(): Exit[] {
    const reaped: Exit[] = [];
    for (;;) {
      const exit = waitForChild(-1, false);
      if (exit === undefined || exit === 'none') return reaped;
      reaped.push(exit);
      if (exit.pid === this.#first?.pid) this.#firstEnded(this.#first, exit);
    }
  }

  /** Waits until the first program has ended, which it is about to. */
  awaitFirst(): void {
    const first = this.#first;
    if (first === undefined || first.exit !== undefined) return;
    const exit = waitForChild(first.pid, true);
    if (exit !== undefined && exit !== 'none') this.#firstEnded(first, exit);
  }

  /** What the first program has left behind is asked to end too where the first one ended because it was asked. */
  #firstEnded(first: { exit?: Exit }, exit: Exit): void {
    first.exit = exit;
    const asked = this.#asked;
    if (asked === 'SIGTERM' || (asked !== undefined && constants.signals[asked] === exit.signal)) this.signal(asked);
  }

  /**
   * Sends a signal to the first program, or to all where that has ended.
   *
   * @param hasReachedFirst it need not be sent: the first program has got it
   */
  signal(signal: NodeJS.Signals, hasReachedFirst = false): void {
    const first = this.#first;
    if (asksToEnd(signal)) this.#asked = signal;
    if (hasReachedFirst) return;
    for (const pid of first !== undefined && first.exit === undefined ? [first.pid] : this.list()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
  }

  /** Ends them all, by force. None is left when this returns. */
  end(): void {
    endProcesses(this.#sparedSet());
  }

  #sparedSet(): ReadonlySet<number> {
    return new Set(this.spared === undefined ? [] : [this.spared]);
  }
}
