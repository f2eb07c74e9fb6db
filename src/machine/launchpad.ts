import type { Exit } from '../host/processes.js';
import type { MachineConfig } from './config.js';
import { Launcher, LauncherError } from './launcher.js';
import type { LauncherOptions } from './launcher-protocol.js';
import type { Programs } from './programs.js';
import { withReserve } from './reserve.js';
import type { Watcher } from './watcher.js';

/** Where the next generation's first program gets ready, while the last one's still run. */
export class Launchpad {
  readonly #watcher: Watcher;
  readonly #programs: Programs;
  readonly #options: Omit<LauncherOptions, 'processGroup'>;
  readonly #ready: () => void;
  readonly #failed: (error: unknown) => void;
  #launcher: Launcher | undefined;

  /**
   * @param ready called when there is a launcher
   * @param failed called where there will be none. It can be tried again.
   */
  constructor(
    watcher: Watcher,
    programs: Programs,
    { strict, serial = [], descriptorLimit }: Pick<MachineConfig, 'strict' | 'serial' | 'descriptorLimit'>,
    outcome: { ready(): void; failed(error: unknown): void },
  ) {
    this.#watcher = watcher;
    this.#programs = programs;
    this.#options = {
      strict,
      serial: serial.length > 0,
      ...(descriptorLimit === undefined ? {} : { descriptorLimit }),
    };
    this.#ready = outcome.ready;
    this.#failed = outcome.failed;
  }

  /** The launcher that is ready, where one is. */
  get launcher(): Launcher | undefined {
    return this.#launcher?.listener === undefined ? undefined : this.#launcher;
  }

  /**
   * Sees to it that there will be a launcher.
   *
   * @throws LauncherError where there is no room for it
   */
  prepare(): void {
    if (this.#launcher !== undefined) return;
    const launcher = withReserve(() => new Launcher(this.#options));
    this.#launcher = launcher;
    this.#programs.spare(launcher.pid);
    this.#watcher.watch(launcher.socket, () => withReserve(() => this.#becomeReady(launcher)));
  }

  /** The same, before anybody has asked: where it fails, the one who asks finds out. */
  prepareEarly(): void {
    try {
      this.prepare();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
    }
  }

  /** Hands the launcher over. The next one must be prepared anew. */
  take(launcher: Launcher): void {
    if (launcher.listener !== undefined) this.#watcher.unwatch(launcher.listener.fd);
    this.#launcher = undefined;
  }

  /** Whatever has ended: a launcher that is among them will become no program. */
  reaped(exits: readonly Exit[]): void {
    const launcher = this.#launcher;
    const exit = exits.find(({ pid }) => pid === launcher?.pid);
    if (launcher === undefined || exit === undefined) return;
    launcher.exit = exit;
    // One that was not ready yet has hung up: its socket tells.
    if (launcher.listener === undefined) return;
    this.dismiss();
    this.#failed(launcher.endedEarly());
  }

  /** Ends the launcher, where there is one. */
  dismiss(): void {
    const launcher = this.#launcher;
    if (launcher === undefined) return;
    this.#watcher.unwatch(launcher.socket);
    this.take(launcher);
    this.#programs.spareNoMore(launcher.pid);
    launcher.dismiss();
  }

  #becomeReady(launcher: Launcher): void {
    this.#watcher.unwatch(launcher.socket);
    try {
      const listener = launcher.becomeReady();
      // Its own calls, until it becomes a program, concern nobody.
      this.#watcher.watchListener(listener.fd, () => listener.proceedNext());
    } catch (error) {
      this.dismiss();
      this.#failed(error);
      return;
    }
    this.#ready();
  }
}
