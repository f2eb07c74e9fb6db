/** Where the generations of a machine run, one after the other: each with its first program and what that starts. */
import { EPOLLIN } from '../host/epoll.js';
import type { Listener } from '../host/seccomp.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Command } from './command.js';
import { Generation, type GenerationOptions } from './generation.js';
import type { Launcher } from './launcher.js';
import type { NextKernel } from './live-update.js';
import type { Programs } from './programs.js';
import { describePanic, say } from './report.js';
import { withReserve } from './reserve.js';
import type { Terminal } from './terminal.js';
import type { Watcher } from './watcher.js';

export interface StageOptions
  extends Pick<GenerationOptions, 'strict' | 'placeholder' | 'power' | 'watching' | 'serial'> {
  readonly watcher: Watcher;
  readonly programs: Programs;
  readonly terminal: Terminal;
  /** A generation begins, or begins once more, and its listener is this descriptor. */
  begun(listener: number, generation: number): void;
  /** No thread runs under the filter of the generation any more. */
  over(): void;
}

export class Stage {
  readonly #options: StageOptions;
  #generation: Generation | undefined;
  #over = false;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Whether no thread runs under the filter of the generation any more. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Whether no program is there any more. The filter of the last one may hang up later than that is known. */
  get isEmpty(): boolean {
    return this.#over || this.#options.programs.list().length === 0;
  }

  /** The next generation, which does not run yet. */
  next(listener: Listener, { number, kernel, remains }: NextKernel): Generation {
    const { strict, placeholder, power, watching, serial } = this.#options;
    const panicked = (error: unknown) => say(describePanic(number, error));
    return new Generation({
      number,
      kernel,
      remains,
      listener,
      strict,
      placeholder,
      power,
      watching,
      serial,
      panicked,
    });
  }

  /**
   * Starts the first program of a generation, after the last one was ended.
   *
   * @param executed called when the launcher tells whether it has become that program
   */
  begin(generation: Generation, launcher: Launcher, file: string, command: Command, executed: () => void): void {
    const { watcher } = this.#options;
    this.#open(generation, launcher);
    launcher.execute({ file, ...command });
    this.#watch(generation);
    watcher.watch(launcher.socket, () => {
      watcher.unwatch(launcher.socket);
      withReserve(executed);
    });
  }

  /** The same where the first program runs already. */
  beginWarm(generation: Generation, launcher: Launcher): void {
    this.#open(generation, launcher);
    this.#watch(generation);
  }

  #open(generation: Generation, launcher: Launcher): void {
    const { programs, begun, serial } = this.#options;
    // Not before the last generation's programs are gone: drivers look at their hardware, which they had.
    if (generation.kernel !== this.#generation?.kernel) generation.kernel.start();
    this.#generation = generation;
    this.#over = false;
    serial?.begin(generation.kernel);
    programs.begin(launcher.pid, launcher.exit);
    begun(generation.listener.fd, generation.number);
  }

  /** Serves a generation whose programs run already. */
  resume(generation: Generation): void {
    this.#generation = generation;
    this.#watch(generation);
  }

  #watch(generation: Generation): void {
    const { watcher } = this.#options;
    watcher.watchListener(generation.listener.fd, (events) => this.#serve(generation, events));
    watcher.watch(generation.channels.epoll.fd, () => generation.drain());
  }

  /**
   * Ends the programs, by force, and then their kernel.
   *
   * @param next the kernel of the next generation: the same one is not ended
   */
  end(next?: Kernel): void {
    const { watcher, programs, terminal } = this.#options;
    programs.end();
    terminal.restore();
    if (this.#generation === undefined) return;
    watcher.unwatch(this.#generation.listener.fd);
    watcher.unwatch(this.#generation.channels.epoll.fd);
    // A kernel that goes on lets go of what its programs had open.
    if (this.#generation.kernel === next) this.#generation.drain();
    this.#generation.dispose(next);
  }

  #serve(generation: Generation, events: number): void {
    if ((events & EPOLLIN) !== 0) {
      generation.serve();
      return;
    }
    // The last thread under the filter is gone. Its process may take a moment more until its exit code is there.
    this.#options.watcher.unwatch(generation.listener.fd);
    this.#options.programs.awaitFirst();
    this.#over = true;
    this.#options.over();
  }
}
