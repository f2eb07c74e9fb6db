/** A machine: its programs, and the generations of the kernel that serve them, one after the other. */
import { constants } from 'node:os';
import { EPOLLIN } from '../host/epoll.js';
import { takeTerminal, terminalModes } from '../host/libc.js';
import type { Exit } from '../host/processes.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { Kernel } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import { type Command, CommandError, findExecutable } from './command.js';
import type { MachineConfig, Outcome } from './config.js';
import type { KexecReport, MachineStatus, NewCommand } from './control-protocol.js';
import { Generation } from './generation.js';
import { createRam, hostHardware } from './host-hardware.js';
import { Launcher, LauncherError } from './launcher.js';
import { freezeAndBoot, LiveUpdateError } from './live-update.js';
import { createPlaceholder, type Placeholder } from './placeholder.js';
import { Programs } from './programs.js';
import { describeKexec, describePanic, plural, say } from './report.js';
import type { EndKind, LoadedImage, Power } from './traps/trap.js';
import { Watcher } from './watcher.js';

const STANDARD_INPUT = 0;

/** Signals that ask a program to end. */
const endingSignals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** How long programs are given to end with the first one, before the machine says that it stays up. Milliseconds. */
const GRACE = 200;

export class Machine implements Power {
  image: LoadedImage | undefined;
  crashImage: LoadedImage | undefined;

  readonly #config: MachineConfig;
  readonly #started: () => void;
  readonly #watcher = new Watcher();
  readonly #programs = new Programs();
  readonly #ram = createRam();
  readonly #placeholder: Placeholder;
  readonly #terminal = terminalModes(STANDARD_INPUT);
  readonly #startedAt = Date.now();
  #command: Command;
  #generation: Generation | undefined;
  /** The process that will be the first program of the next generation. */
  #launcher: Launcher | undefined;
  #change: Change | undefined;
  #outcome: Outcome | undefined;
  /** The last signal that asked the first program to end. */
  #asked: NodeJS.Signals | undefined;
  /** No thread runs under the filter of this generation any more. */
  #over = false;

  /** @param started called once, when the first program runs */
  constructor(config: MachineConfig, started: () => void) {
    this.#config = config;
    this.#command = config.command;
    this.#started = started;
    this.#placeholder = createPlaceholder(config.directory);
  }

  /** Boots the machine and serves it until it has ended. No process of it is left then. */
  async run(): Promise<Outcome> {
    process.on('SIGCHLD', () => this.#reap());
    this.#request(new Change('boot'));
    while (this.#outcome === undefined) await this.#watcher.round();
    this.#change?.refuse(new Error('Cannot go on with the live update: the machine has ended'), errno.EIO);
    this.#launcher?.dismiss();
    this.#programs.spared = undefined;
    this.#programs.end();
    this.#generation?.dispose();
    this.#restoreTerminal();
    return this.#outcome;
  }

  status(): MachineStatus {
    const state = this.#generation?.kernel.state();
    const sessions = [...(state?.outgoing ?? []), ...(state?.incoming ?? [])];
    return {
      name: this.#config.name,
      pid: process.pid,
      generation: this.#generation?.number ?? 0,
      argv: this.#command.argv,
      detached: this.#config.detached,
      processes: this.#programs.list().length,
      sessions: sessions.length,
      files: sessions.reduce((sum, session) => sum + session.files.length, 0),
      bytes: String(state?.preservedBytes ?? 0n),
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
      this.#request(new Change('kexec', { command: { ...this.#command, ...command }, succeeded, failed }));
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
    const ending = endingSignals.includes(signal);
    if (this.#generation === undefined) {
      const failure = `Cannot start "${this.#command.argv[0]}": ${signal} came first`;
      if (ending) this.#end({ failure, signal: constants.signals[signal] });
      return;
    }
    if (ending) this.#asked = signal;
    const hasReached = fromTerminal && this.#programs.exit === undefined && this.#change?.kind !== 'boot';
    if (!hasReached) this.#programs.signal(signal);
  }

  /** Ends the machine at once. */
  abort(reason: string): void {
    this.#end({ failure: reason });
  }

  imageLoaded(): void {
    // A kexec is near. What takes long is done while the programs still run.
    this.#prepare();
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
      change.refuse(
        new Error('Cannot start a live update: another one is under way. Try again when it is done'),
        errno.EBUSY,
      );
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
      this.#prepare();
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
    if (change.kind === 'boot')
      this.#end({ failure: error.message, ...(error instanceof CommandError ? { code: error.exitCode } : {}) });
    change.refuse(error, error instanceof LiveUpdateError ? error.errno : errno.EIO);
    this.#endIfOver();
  }

  #prepare(): void {
    if (this.#launcher !== undefined) return;
    const { strict, descriptorLimit } = this.#config;
    const launcher = new Launcher({ strict, ...(descriptorLimit === undefined ? {} : { descriptorLimit }) });
    this.#launcher = launcher;
    this.#programs.spared = launcher.pid;
    this.#watcher.watch(launcher.socket, () => this.#launcherReady(launcher));
  }

  #launcherReady(launcher: Launcher): void {
    this.#watcher.unwatch(launcher.socket);
    try {
      const listener = launcher.becomeReady();
      // Its own calls, until it becomes a program, concern nobody.
      this.#watcher.watch(listener.fd, () => listener.proceedNext());
    } catch (error) {
      this.#forgetLauncher(launcher);
      // Where nothing waits for it, another one is tried when something does.
      if (this.#change !== undefined) this.#fail(this.#change, error);
    }
    this.#advance();
  }

  /** A launcher that ended before it was needed, or was killed. */
  #forgetLauncher(launcher: Launcher): void {
    if (launcher.listener !== undefined) this.#watcher.unwatch(launcher.listener.fd);
    this.#watcher.unwatch(launcher.socket);
    launcher.dismiss();
    this.#launcher = undefined;
    this.#programs.spared = undefined;
  }

  /** Carries out the change that was asked for, once a launcher is there. */
  #advance(): void {
    const change = this.#change;
    const launcher = this.#launcher;
    if (change === undefined || launcher?.listener === undefined) return;
    try {
      const command = change.options.command ?? this.#command;
      const file = findExecutable(command);
      change.begin();
      const generation = this.#nextGeneration(launcher.listener, this.#nextKernel(change));
      this.#endGeneration();
      this.#command = command;
      this.#begin(change, launcher, generation, file);
    } catch (error) {
      this.#fail(change, error);
    }
  }

  #nextKernel(change: Change): Kernel {
    const { profile } = this.#config;
    const generation = this.#generation;
    if (change.kind !== 'kexec' || generation === undefined) return Kernel.boot(hostHardware(this.#ram), { profile });
    const { kernel, carried } = freezeAndBoot(generation, this.#ram, profile);
    change.carried = carried;
    return kernel;
  }

  #nextGeneration(listener: Listener, kernel: Kernel): Generation {
    const number = (this.#generation?.number ?? 0) + 1;
    const { strict } = this.#config;
    const placeholder = this.#placeholder;
    const panicked = (error: unknown) => say(describePanic(number, error));
    return new Generation({ number, kernel, listener, strict, placeholder, power: this, panicked });
  }

  /** Starts the first program of a generation. */
  #begin(change: Change, launcher: Launcher, generation: Generation, file: string): void {
    this.#launcher = undefined;
    this.#generation = generation;
    this.#asked = undefined;
    this.#over = false;
    this.#programs.begin(launcher.pid);
    launcher.execute({ file, ...this.#command });
    this.#watcher.unwatch(generation.listener.fd);
    this.#watcher.watch(generation.listener.fd, (events) => this.#serve(generation, events));
    this.#watcher.watch(generation.channels.epoll.fd, () => generation.drain());
    this.#watcher.watch(launcher.socket, () => this.#executed(change, launcher, generation.number));
  }

  /** Ends the programs of this generation, by force, and their kernel. */
  #endGeneration(): void {
    this.#programs.end();
    this.#restoreTerminal();
    this.image = undefined;
    this.crashImage = undefined;
    const generation = this.#generation;
    if (generation === undefined) return;
    this.#watcher.unwatch(generation.listener.fd);
    this.#watcher.unwatch(generation.channels.epoll.fd);
    generation.dispose();
  }

  /** The next program runs, or could not be executed. */
  #executed(change: Change, launcher: Launcher, number: number): void {
    this.#watcher.unwatch(launcher.socket);
    this.#change = undefined;
    try {
      launcher.becomeProgram();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      change.refuse(error, errno.EIO);
      this.#end({ failure: error.message, code: 126 });
      return;
    }
    const report = change.complete(number);
    if (change.kind === 'boot') this.#started();
    if (change.kind === 'kexec') say(describeKexec(report));
    if (change.kind === 'restart')
      say(`restart: generation ${number}; what was preserved is gone, as after a cold boot`);
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
    const reaped = this.#programs.reap();
    const { exit } = this.#programs;
    if (exit !== undefined && exit !== before) this.#firstEnded(exit);
    const launcher = this.#launcher;
    if (launcher?.listener !== undefined && reaped.includes(launcher.pid)) this.#forgetLauncher(launcher);
  }

  /** What the first program has left behind is asked to end too where the first one ended because it was asked. */
  #firstEnded({ signal }: Exit): void {
    const asked = this.#asked;
    if (asked === 'SIGTERM' || (asked !== undefined && constants.signals[asked] === signal))
      this.#programs.signal(asked);
    this.#watcher.after(GRACE, () => this.#sayWhoIsLeft());
  }

  #sayWhoIsLeft(): void {
    const { exit } = this.#programs;
    const left = this.#programs.list().length;
    if (exit === undefined || left === 0) return;
    const how = exit.signal === undefined ? `exited with ${exit.code}` : `was ended by signal ${exit.signal}`;
    say(
      `"${this.#command.argv[0]}" ${how}; machine "${this.#config.name}" stays up: ${plural(left, 'process still runs', 'processes still run')}. End it with: luo stop ${this.#config.name}`,
    );
  }

  /** A program that was killed cannot give the terminal back. */
  #restoreTerminal(): void {
    if (this.#terminal !== undefined) takeTerminal(STANDARD_INPUT, this.#terminal);
  }
}
