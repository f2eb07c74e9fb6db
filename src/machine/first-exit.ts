/** The end of the first program of a generation, and what it leaves behind. */
import type { Exit } from '../host/processes.js';
import type { Programs } from './programs.js';
import type { Watcher } from './watcher.js';

/** How long programs are given to end with the first one, before the machine says that it stays up. Milliseconds. */
const GRACE = 200;

export class FirstExit {
  readonly #programs: Programs;
  readonly #watcher: Watcher;
  readonly #exited: (exit: Exit) => void;
  readonly #stays: (exit: Exit, left: number) => void;
  /** How the first program ended, once that was told. */
  #last: Exit | undefined;

  /**
   * @param exited called once for each first program, when it has ended by itself
   * @param stays called where others still run a while later, with how many
   */
  constructor(
    programs: Programs,
    watcher: Watcher,
    told: { exited(exit: Exit): void; stays(exit: Exit, left: number): void },
  ) {
    this.#programs = programs;
    this.#watcher = watcher;
    this.#exited = told.exited;
    this.#stays = told.stays;
  }

  /** It was told of what has ended already. */
  resume(): void {
    this.#last = this.#programs.exit;
  }

  /** Call it whenever programs were reaped. */
  look(): void {
    const { exit } = this.#programs;
    if (exit === this.#last) return;
    this.#last = exit;
    if (exit === undefined) return;
    this.#watcher.after(GRACE, () => this.#lookWhoIsLeft());
    this.#exited(exit);
  }

  #lookWhoIsLeft(): void {
    const { exit } = this.#programs;
    const left = this.#programs.list().length;
    if (exit !== undefined && left > 0) this.#stays(exit, left);
  }
}
