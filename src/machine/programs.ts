/** The processes of a generation. */
import { constants } from 'node:os';
import { type Exit, waitForChild } from '../host/processes.js';
import { descendants, endProcesses } from './process-tree.js';
import { asksToEnd } from './signals.js';
import { isEnding } from './vault/process-end.js';

/** What another process that takes this one's place must know of its children. */
export interface SavedPrograms {
  readonly first?: { readonly pid: number; readonly exit?: Exit };
  readonly asked?: NodeJS.Signals;
}

export class Programs {
  #first: { readonly pid: number; exit?: Exit } | undefined;
  /** The last signal that asked the first program to end. */
  #asked: NodeJS.Signals | undefined;
  /** A process that belongs to the next generation, and to none of these. */
  spared: number | undefined;
  /** A process of luo's own, and none of these either. */
  helper: number | undefined;

  /** The first program of a generation is this process from now on. */
  begin(pid: number): void {
    this.#first = { pid };
    this.#asked = undefined;
    if (this.spared === pid) this.spared = undefined;
  }

  get saved(): SavedPrograms {
    return {
      ...(this.#first === undefined ? {} : { first: this.#first }),
      ...(this.#asked === undefined ? {} : { asked: this.#asked }),
    };
  }

  /** They were those of a process in whose place this one is. */
  resume({ first, asked }: SavedPrograms): void {
    this.#first = first === undefined ? undefined : { ...first };
    this.#asked = asked;
  }

  /** How the first program ended, once it has. */
  get exit(): Exit | undefined {
    return this.#first?.exit;
  }

  /** Whether it has ended or is about to, though nobody could reap it yet. */
  firstIsEnding(): boolean {
    return this.#first === undefined || this.exit !== undefined || isEnding(this.#first.pid);
  }

  /** Whether a signal asked the first program to end, in one way or another. */
  get wasAsked(): boolean {
    const asked = this.#asked;
    // SIGHUP may ask a program to read its settings again.
    if (asked === undefined || asked !== 'SIGHUP') return asked !== undefined;
    return this.exit?.signal === constants.signals[asked];
  }

  /** The process number of the first program, where it has not ended. */
  get firstPid(): number | undefined {
    return this.list().find((pid) => pid === this.#first?.pid);
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
    return new Set([this.spared, this.helper].filter((pid) => pid !== undefined));
  }
}
