/** The processes of a generation. */
import { constants } from 'node:os';
import { markOf } from '../host/mark.js';
import { type Exit, waitForChild } from '../host/processes.js';
import { descendants, endAll, endProcesses } from './process-tree.js';
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
  /** Processes that belong to the next generation, as what is below them does, and to none of these. */
  readonly #spared = new Set<number>();
  /** The marks of such processes: what they have left behind is nowhere below them any more. */
  readonly #marks = new Set<bigint>();

  /**
   * The first program of a generation is this process from now on.
   *
   * @param exit how it ended, where it has: what it started is the generation then
   */
  begin(pid: number, exit?: Exit): void {
    this.#first = exit === undefined ? { pid } : { pid, exit };
    this.#asked = undefined;
    this.#spared.delete(pid);
    this.#marks.clear();
  }

  /**
   * From now on this process belongs to the next generation.
   *
   * @param mark that it has given itself, before it starts any other
   */
  spare(pid: number, mark?: bigint): void {
    this.#spared.add(pid);
    if (mark !== undefined) this.#marks.add(mark);
  }

  /** No generation will need it, and it ends by itself. */
  spareNoMore(pid: number): void {
    this.#spared.delete(pid);
  }

  /** Ends a process that was spared, and what it has started, by force. None of them is left when this returns. */
  endSpared(pid: number, mark: bigint): void {
    endAll(() => {
      const own = new Set(this.#spared.has(pid) ? [pid, ...descendants(pid)] : []);
      return descendants(process.pid).filter((one) => own.has(one) || markOf(one) === mark);
    });
    this.#spared.delete(pid);
    this.#marks.delete(mark);
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
  get wasAskedToEnd(): boolean {
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
    return descendants(process.pid, { has: (pid) => this.isSpared(pid) });
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
      // Its number may be another one's from now on.
      this.#spared.delete(exit.pid);
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
    endProcesses({ has: (pid) => this.isSpared(pid) });
  }

  /** Whether a process belongs to the next generation. */
  isSpared(pid: number): boolean {
    if (this.#spared.has(pid)) return true;
    const mark = this.#marks.size === 0 ? undefined : markOf(pid);
    return mark !== undefined && this.#marks.has(mark);
  }
}
