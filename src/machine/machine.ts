/** A machine: its programs, and the generations of the kernel that serve them, one after the other. */
import { constants } from 'node:os';
import { EPOLLIN } from '../host/epoll.js';
import type { Listener, Notification } from '../host/seccomp.js';
import type { Kernel } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import { type Command, CommandError, findExecutable } from './command.js';
import type { MachineConfig, MachineEvents, Outcome } from './config.js';
import type { KexecReport, MachineStatus, NewCommand } from './control-protocol.js';
import { Generation } from './generation.js';
import { createRam } from './host-hardware.js';
import { type Launcher, LauncherError } from './launcher.js';
import { Launchpad } from './launchpad.js';
import { LiveUpdateError, nextKernel, preservedBy } from './live-update.js';
import { createPlaceholder, type Placeholder } from './placeholder.js';
import { asksToEnd, Programs } from './programs.js';
import { describeKexec, describePanic, describeRest, say } from './report.js';
import { keepReserve, withReserve } from './reserve.js';
import { Terminal } from './terminal.js';
import type { EndKind, LoadedImage, Power } from './traps/trap.js';
import { Watcher } from './watcher.js';

/** How long programs are given to end with the first one, before the machine says that it stays up. Milliseconds. */
const GRACE = 200;

export class Machine implements Power {
  image: LoadedImage | undefined;
  crashImage: LoadedImage | undefined;

  readonly #config: MachineConfig;
  readonly #events: MachineEvents;
  readonly #watcher = new Watcher();
  readonly #programs = new Programs();
  readonly #ram = createRam();
  readonly #placeholder: Placeholder;
  readonly #launchpad: Launchpad;
  readonly #terminal = new Terminal();
  readonly #startedAt = Date.now();
  #command: Command;
  #generation: Generation | undefined;
  #change: Change | undefined;
  #outcome: Outcome | undefined;
  /** No thread runs under the filter of this generation any more. */
  #over = false;

  constructor(config: MachineConfig, events: MachineEvents) {
    this.#config = config;
    this.#command = config.command;
    this.#events = events;
    this.#placeholder = createPlaceholder(config.directory);
    this.#launchpad = new Launchpad(this.#watcher, this.#programs, config, {
      ready: () => this.#advance(),
      // Where nothing waits for it, another one is tried when something does.
      failed: (error) => this.#change !== undefined && this.#fail(this.#change, error),
    });
  }

  /** Boots the machine and serves it until it has ended. No process of it is left then. */
  async run(): Promise<Outcome> {
    keepReserve();
    process.on('SIGCHLD', () => this.#reap());
    this.#request(new Change('boot'));
    while (this.#outcome === undefined) await this.#watcher.round();
    this.#change?.refuse(new Error('Cannot go on with the live update: the machine has ended'), errno.EIO);
    this.#launchpad.dismiss();
    this.#programs.end();
    this.#generation?.dispose();
    this.#terminal.restore();
    return this.#outcome;
  }

  status(): MachineStatus {
    return {
      name: this.#config.name,
      pid: process.pid,
      generation: this.#generation?.number ?? 0,
      argv: this.#command.argv,
      detached: this.#config.detached,
      processes: this.#programs.list().length,
      ...preservedBy(this.#generation?.kernel),
      startedAt: this.#startedAt,
    };
  }

  /**
   * Goes into the next generation.
   *
   * @param command what is new of what it runs; nothing by default
   * @throws CommandError, LauncherError, LiveUpdateError: nothing has changed then
   */
  kexec(command: NewCommand = {}): Promise<KexecReport> {
    return new Promise((succeeded, failed) => {
      const isNew = command.argv !== undefined || command.cwd !== undefined;
      const next = isNew ? { command: { ...this.#command, ...command } } : {};
      this.#request(new Change('kexec', { ...next, succeeded, failed }));
    });
  }

  /** Asks the programs to end, and ends them after `timeout` milliseconds. */
  stop(timeout: number): void {
    this.signal('SIGTERM');
    this.#watcher.after(timeout, () => this.#end(this.#programs.exit ?? { signal: constants.signals.SIGKILL }));
  }

  /**
   * Sends a signal to the first program, or to all where that has ended. Before there is one, it ends the machine.
   *
   * @param fromTerminal it has reached the programs in the foreground already
   */
  signal(signal: NodeJS.Signals, fromTerminal = false): void {
    if (this.#generation === undefined) {
      const failure = `Cannot start "${this.#command.argv[0]}": ${signal} came first`;
      if (asksToEnd(signal)) this.#end({ failure, signal: constants.signals[signal] });
      return;
    }
    const hasReachedIt = fromTerminal && this.#programs.exit === undefined && this.#change?.kind !== 'boot';
    this.#programs.signal(signal, hasReachedIt);
  }

  /** Ends the machine at once. */
  abort(reason: string): void {
    this.#end({ failure: reason });
  }

  imageLoaded(): void {
    // A kexec is near. What takes long is done while the programs still run.
    this.#launchpad.prepareEarly();
  }

  end(kind: EndKind, notification: Notification): void {
    const listener = this.#generation?.listener;
    if (listener !== undefined) this.#request(new Change(kind, { call: { notification, listener } }));
  }

  #end(outcome: Outcome): void {
    this.#outcome ??= outcome;
  }

  #request(change: Change): void {
    if (this.#change !== undefined) {
      change.refuseForAnother();
      return;
    }
    if (change.kind === 'power-off') {
      this.#end({ code: 0 });
      return;
    }
    try {
      // What cannot be run is refused before anything is prepared for it.
      findExecutable(change.options.command ?? this.#command);
      this.#change = change;
      this.#launchpad.prepare();
      this.#advance();
    } catch (error) {
      this.#fail(change, error);
    }
  }

  /** The change does not happen, and the machine goes on as before; or ends, if it has not begun. */
  #fail(change: Change, error: unknown): void {
    const known = error instanceof CommandError || error instanceof LauncherError || error instanceof LiveUpdateError;
    this.#change = undefined;
    if (!known) throw error;
    if (change.kind === 'boot' || change.kind === 'resume')
      this.#end({ failure: error.message, ...(error instanceof CommandError ? { code: error.exitCode } : {}) });
    change.refuse(error, error instanceof LiveUpdateError ? error.errno : errno.EIO);
    this.#endIfOver();
  }

  /** Carries out the change that was asked for, once a launcher is there. */
  #advance(): void {
    const change = this.#change;
    const { launcher } = this.#launchpad;
    if (change === undefined || launcher?.listener === undefined) return;
    const { listener } = launcher;
    withReserve(() => this.#carryOut(change, launcher, listener));
  }

  #carryOut(change: Change, launcher: Launcher, listener: Listener): void {
    let frozen: Kernel | undefined;
    try {
      const command = change.options.command ?? this.#command;
      const file = findExecutable(command);
      change.begin();
      const { kernel, carried } = nextKernel(change.kind, this.#generation, this.#ram, this.#config.profile);
      change.carried = carried;
      frozen = carried === undefined ? undefined : this.#generation?.kernel;
      const generation = this.#nextGeneration(listener, kernel);
      // The programs end: from here on there is no way back.
      frozen = undefined;
      this.#endGeneration(generation.kernel);
      change.replaced = this.#command;
      this.#command = command;
      this.#begin(change, launcher, generation, file);
    } catch (error) {
      frozen?.cancelReboot();
      this.#fail(change, error);
    }
  }

  #nextGeneration(listener: Listener, kernel: Kernel): Generation {
    const last = this.#generation;
    const number = last?.kernel === kernel ? last.number : (last?.number ?? 0) + 1;
    const { strict } = this.#config;
    const placeholder = this.#placeholder;
    const panicked = (error: unknown) => say(describePanic(number, error));
    return new Generation({ number, kernel, listener, strict, placeholder, power: this, panicked });
  }

  /** Starts the first program of a generation. */
  #begin(change: Change, launcher: Launcher, generation: Generation, file: string): void {
    this.#launchpad.take(launcher);
    this.#generation = generation;
    this.#over = false;
    this.#programs.begin(launcher.pid);
    this.#events.begun(generation.listener.fd);
    launcher.execute({ file, ...this.#command });
    this.#watcher.watchListener(generation.listener.fd, (events) => this.#serve(generation, events));
    this.#watcher.watch(generation.channels.epoll.fd, () => generation.drain());
    this.#watcher.watch(launcher.socket, () => withReserve(() => this.#executed(change, launcher, generation.number)));
  }

  /** Ends the programs of this generation, by force, and their kernel unless it is the next one too. */
  #endGeneration(next: Kernel): void {
    this.#programs.end();
    this.#terminal.restore();
    this.image = undefined;
    this.crashImage = undefined;
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#watcher.unwatch(generation.listener.fd);
    this.#watcher.unwatch(generation.channels.epoll.fd);
    generation.dispose(next);
  }

  /** The next program runs, or could not be executed. */
  #executed(change: Change, launcher: Launcher, number: number): void {
    this.#watcher.unwatch(launcher.socket);
    this.#change = undefined;
    try {
      launcher.becomeProgram();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      this.#notExecuted(change, error);
      return;
    }
    const report = change.complete(number);
    if (change.kind === 'boot') this.#events.started();
    if (change.kind === 'kexec') say(describeKexec(report));
    if (change.kind === 'restart')
      say(`restart: generation ${number}; what was preserved is gone, as after a cold boot`);
  }

  /** What cannot be executed is found out when the last generation is gone; its command may still do. */
  #notExecuted(change: Change, error: LauncherError): void {
    const { replaced } = change;
    if (change.kind !== 'kexec' || change.options.command === undefined || replaced === undefined) {
      change.refuse(error, errno.EIO);
      this.#end({ failure: error.message, code: 126 });
      return;
    }
    const failure = new Error(`${error.message}. "${replaced.argv[0]}" runs again instead: nothing was lost`);
    say(failure.message);
    change.refuse(failure, errno.EIO);
    this.#command = replaced;
    this.#request(new Change('resume'));
  }

  #serve(generation: Generation, events: number): void {
    if ((events & EPOLLIN) !== 0) {
      generation.serve();
      return;
    }
    // The last thread under the filter is gone. Its process may take a moment more until its exit code is there.
    this.#watcher.unwatch(generation.listener.fd);
    this.#programs.awaitFirst();
    this.#over = true;
    this.#reap();
    this.#endIfOver();
  }

  /** Nothing runs any more, and nothing is about to. */
  #endIfOver(): void {
    if (this.#over && this.#change === undefined) this.#end(this.#programs.exit ?? { code: 0 });
  }

  #reap(): void {
    const before = this.#programs.exit;
    this.#launchpad.reaped(this.#programs.reap());
    if (this.#programs.exit !== before) this.#watcher.after(GRACE, () => this.#sayWhoIsLeft());
  }

  #sayWhoIsLeft(): void {
    const { exit } = this.#programs;
    const left = this.#programs.list().length;
    if (exit === undefined || left === 0) return;
    say(describeRest(this.#config.name, this.#command.argv[0] ?? '', exit, left));
  }
}
