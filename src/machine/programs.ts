/** The processes of a generation. */
import { type Exit, waitForChild } from '../host/processes.js';
import { descendants, endProcesses } from './process-tree.js';

export class Programs {
  #first: { readonly pid: number; exit?: Exit } | undefined;
  /** A process that belongs to the next generation, and to none of these. */
  spared: number | undefined;

  /** The first program of a generation is this process from now on. */
  begin(pid: number): void {
    this.#first = { pid };
    if (this.spared === pid) this.spared = undefined;
  }

  /** How the first program ended, once it has. */
  get exit(): Exit | undefined {
    return this.#first?.exit;
  }

  /** Every process of the machine, the first one included while it runs. */
  list(): number[] {
    return descendants(process.pid).filter((pid) => pid !== this.spared);
  }

  /**
   * Reaps those that have ended, orphans too.
   *
   * @returns their process ids
   */
  reap(): number[] {
    const reaped: number[] = [];
    for (;;) {
      const exit = waitForChild(-1, false);
      if (exit === undefined || exit === 'none') return reaped;
      reaped.push(exit.pid);
      if (this.#first?.pid === exit.pid) this.#first.exit = exit;
    }
  }

  /** Waits until the first program has ended, which it is about to. */
  awaitFirst(): void {
    if (this.#first === undefined || this.#first.exit !== undefined) return;
    const exit = waitForChild(this.#first.pid, true);
    if (exit !== undefined && exit !== 'none') this.#first.exit = exit;
  }

  /** Sends a signal to the first program, or to all where that has ended. */
  signal(signal: NodeJS.Signals): void {
    const first = this.#first;
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
    endProcesses(new Set(this.spared === undefined ? [] : [this.spared]));
  }
}
