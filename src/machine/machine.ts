/** A machine: its programs, and the generations of the kernel that serve them, one after the other. */
import { constants } from 'node:os';
import type { Listener } from '../host/seccomp.js';
import type { KernelOptions } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import { Chronicle } from './chronicle.js';
import { type Command, findExecutable } from './command.js';
import type { MachineConfig, MachineEvents, Outcome } from './config.js';
import type { KexecReport, MachineStatus, NewCommand, NewKernel } from './control-protocol.js';
import { FirstExit } from './first-exit.js';
import { createHardware, type MachineHardware, type MakePorts } from './host-hardware.js';
import { firstOptions, newOptions } from './kernel-options.js';
import { type Launcher, LauncherError } from './launcher.js';
import { Launchpad } from './launchpad.js';
import { cancelled, checkNextKernel, nextKernel, unfreeze } from './live-update.js';
import { statusOf } from './machine-status.js';
import { createPlaceholder } from './placeholder.js';
import { PowerSwitch } from './power-switch.js';
import { Programs } from './programs.js';
import { errnoOf, isRefusal, outcomeOf } from './refusal.js';
import { describeChange, describeRest, say } from './report.js';
import { keepReserve, withReserve } from './reserve.js';
import { asksToEnd } from './signals.js';
import { Stage } from './stage.js';
import { Watcher } from './watcher.js';

export class Machine {
  /** Tells all that happens. */
  readonly chronicle: Chronicle;
  /** What is the same for all generations. */
  readonly hardware: MachineHardware;
  readonly #config: MachineConfig;
  readonly #events: MachineEvents;
  readonly #watcher = new Watcher();
  readonly #programs = new Programs();
  readonly #firstExit: FirstExit;
  readonly #power = new PowerSwitch({
    loaded: () => this.imageLoaded(),
    ended: (kind, notification, over) => {
      const listener = this.#stage.generation?.listener;
      if (listener !== undefined) this.#request(new Change(kind, { call: { notification, listener, over } }));
    },
  });
  readonly #stage: Stage;
  readonly #launchpad: Launchpad;
  #command: Command;
  /** What the kernel was started with; undefined until the modules of the first one are loaded. */
  #options: KernelOptions | undefined;
  #change: Change | undefined;
  #outcome: Outcome | undefined;

  constructor(config: MachineConfig, events: MachineEvents, makePorts?: MakePorts) {
    this.#config = config;
    this.#command = config.command;
    this.#events = events;
    this.hardware = createHardware(this.#watcher, makePorts);
    this.chronicle = new Chronicle(config);
    this.#firstExit = new FirstExit(this.#programs, this.#watcher, {
      exited: (exit) => {
        this.chronicle.programExited(this.#stage.generation, exit);
        events.exited?.(exit);
      },
      stays: (exit, left) => say(describeRest(config.name, this.#command.argv[0] ?? '', exit, left)),
    });
    this.#stage = new Stage({
      watcher: this.#watcher,
      programs: this.#programs,
      strict: config.strict,
      serial: this.hardware.ports,
      placeholder: createPlaceholder(config.directory),
      power: this.#power,
      watching: this.chronicle,
      begun: (listener, generation) => events.begun(listener, generation),
      over: () => {
        this.#reap();
        this.#endIfOver();
      },
    });
    this.#launchpad = new Launchpad(this.#watcher, this.#programs, config, {
      ready: () => this.#advance(),
      // Where nothing waits for it, another one is tried when something does.
      failed: (error) => this.#change?.isCommitted === false && this.#fail(this.#change, error),
    });
  }

  /** Boots the machine and serves it until it has ended. No process of it is left then. */
  async run(): Promise<Outcome> {
    keepReserve();
    const reap = () => this.#reap();
    process.on('SIGCHLD', reap);
    this.#request(new Change('boot'));
    this.#loadModules();
    while (this.#outcome === undefined) await this.#watcher.round();
    this.#change?.refuseAtEnd();
    this.#launchpad.dismiss();
    this.chronicle.end(this.#stage.generation, this.#stage.isEmpty, () => this.#stage.end());
    process.off('SIGCHLD', reap);
    this.hardware.ports?.end(this.#config.waveform);
    this.#watcher.close();
    return this.#outcome;
  }

  /** @param detailed whether each session is wanted, too */
  status(detailed = false): MachineStatus {
    const [command, options, processes] = [this.#command, this.#options, this.#programs.list().length];
    return statusOf(this.#config, { generation: this.#stage.generation, processes, command, options }, detailed);
  }

  /**
   * Goes into the next generation.
   *
   * @param command, newKernel what is new of what it runs, and of what its kernel is started with
   * @param asked aborted when nobody waits for it any more: it does not happen then, unless it has begun
   * @throws ModuleError, CommandError, LauncherError, LiveUpdateError: nothing has changed then
   */
  kexec(command: NewCommand = {}, newKernel: NewKernel = {}, asked?: AbortSignal): Promise<KexecReport> {
    const request = (kernel: Partial<KernelOptions>): Promise<KexecReport> =>
      new Promise((succeeded, failed) => {
        const next = Object.keys(command).length > 0 ? { command: { ...this.#command, ...command } } : {};
        this.#request(new Change('kexec', { ...next, kernel, succeeded, failed }));
      });
    return this.#watcher.during(newOptions(newKernel, asked).then(request));
  }

  /**
   * The same with nothing new, or another run of the command on this kernel; at once, so that it can follow the exit of
   * the last program. It waits for a change that is under way, and is dropped where the generation ends with that.
   */
  proceed(kind: 'kexec' | 'resume', failed: (error: Error) => void): void {
    const change = new Change(kind, { failed });
    if (this.#change === undefined) this.#request(change);
    else this.#change.waiting = change;
  }

  /** A kexec is near. What takes long is done while the programs still run. */
  readonly imageLoaded = (): void => this.#launchpad.prepareEarly();

  /** Gives Node turns for a while: it has work that does not show. */
  readonly settle = (): void => this.#watcher.settle();

  /** Asks the programs to end, and ends them after `timeout` milliseconds. */
  stop(timeout: number): void {
    this.#stage.generation?.endBegins();
    this.signal('SIGTERM');
    this.#watcher.after(timeout, () => this.#end(this.#programs.exit ?? { signal: constants.signals.SIGKILL }));
  }

  /**
   * Sends a signal to the first program, or to all where that has ended. Before there is one, it ends the machine.
   *
   * @param fromTerminal it has reached the programs in the foreground already
   */
  signal(signal: NodeJS.Signals, fromTerminal = false): void {
    if (this.#stage.generation === undefined) {
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

  #end(outcome: Outcome): void {
    this.#outcome ??= outcome;
  }

  /** The first kernel boots with them. Its launcher gets ready meanwhile. */
  #loadModules(): void {
    const load = async () => {
      this.#options = await firstOptions(this.#config);
      this.#advance();
    };
    this.#watcher.during(load()).catch((error: unknown) => {
      this.#end({ failure: error instanceof Error ? error.message : String(error) });
    });
  }

  #request(change: Change): void {
    if (this.#outcome !== undefined) change.refuseAtEnd();
    else if (this.#change !== undefined) change.refuseForAnother();
    else if (change.kind === 'power-off') {
      change.commit();
      this.#end({ code: 0 });
    } else this.#prepare(change);
  }

  /** What cannot be run is refused before anything is prepared for it. */
  #prepare(change: Change): void {
    try {
      findExecutable(this.#commandOf(change));
      this.#change = change;
      this.#launchpad.prepare();
      this.#advance();
    } catch (error) {
      this.#fail(change, error);
    }
  }

  /** The change does not happen, and the machine goes on as before; or ends, if it has not begun. */
  #fail(change: Change, error: unknown): void {
    this.#change = undefined;
    if (!isRefusal(error)) throw error;
    if (change.kind === 'boot' || change.kind === 'resume') this.#end(outcomeOf(error));
    change.refuse(error, errnoOf(error));
    if (change.waiting !== undefined) this.#request(change.waiting);
    this.#endIfOver();
  }

  /** Carries out the change that was asked for, once there are a launcher and the modules of the first kernel. */
  #advance(): void {
    const [change, options, launcher] = [this.#change, this.#options, this.#launchpad.launcher];
    if (change === undefined || options === undefined || launcher?.listener === undefined) return;
    // Its program is about to run: this launcher is for the change after it.
    if (change.isCommitted) return;
    const { listener } = launcher;
    withReserve(() => this.#carryOut(change, launcher, listener, { ...options, ...change.options.kernel }));
  }

  #carryOut(change: Change, launcher: Launcher, listener: Listener, options: KernelOptions): void {
    const last = this.#stage.generation;
    let frozen = false;
    try {
      const command = this.#commandOf(change);
      const file = findExecutable(command);
      checkNextKernel(change.kind, last, this.hardware, options, this.chronicle);
      change.begin();
      const next = nextKernel(change.kind, last, this.hardware, options, this.chronicle);
      change.carried = next.carried;
      frozen = next.carried !== undefined;
      const generation = this.#stage.next(listener, next);
      // The programs end: from here on there is no way back.
      frozen = false;
      change.commit();
      this.chronicle.change(last, change.kind, () => this.#stage.end(next.kernel));
      this.#power.reset();
      change.replaced = this.#command;
      this.#command = command;
      this.#options = options;
      this.#launchpad.take(launcher);
      this.#stage.begin(generation, launcher, file, command, () => this.#executed(change, launcher, generation.number));
    } catch (error) {
      if (frozen && last !== undefined) unfreeze(last);
      this.#fail(change, frozen ? cancelled(error) : error);
    }
  }

  /** The next program runs, or could not be executed. */
  #executed(change: Change, launcher: Launcher, number: number): void {
    this.#change = undefined;
    try {
      launcher.becomeProgram();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      this.#notExecuted(change, error);
      return;
    }
    const report = change.complete(number);
    this.chronicle.generationBegan(change.kind, number, this.#command.argv, change.carried);
    if (change.kind === 'boot') this.#events.started();
    const line = describeChange(change.kind, report);
    if (line !== undefined) say(line);
    if (change.waiting !== undefined) this.#request(change.waiting);
  }

  /** What cannot be executed is found out when the last generation is gone; its command may still do. */
  #notExecuted(change: Change, error: LauncherError): void {
    const { replaced } = change;
    if (change.kind !== 'kexec' || change.options.command === undefined || replaced === undefined) {
      change.refuse(error, errno.EIO);
      this.#end({ failure: error.message, code: 126 });
      return;
    }
    const failure = `${error.message}. "${replaced.argv[0]}" runs again instead: nothing was lost`;
    say(failure);
    change.refuse(new Error(failure), errno.EIO);
    this.#command = replaced;
    this.#request(new Change('resume'));
  }

  #commandOf({ kind, options }: Change): Command {
    const number = (this.#stage.generation?.number ?? 0) + (kind === 'resume' ? 0 : 1);
    return options.command ?? this.#events.commandOf?.(number) ?? this.#command;
  }

  /** Nothing runs any more, and nothing is about to. */
  #endIfOver(): void {
    if (this.#stage.isOver && this.#change === undefined) this.#end(this.#programs.exit ?? { code: 0 });
  }

  #reap(): void {
    this.#launchpad.reaped(this.#programs.reap());
    this.#firstExit.look();
  }
}
