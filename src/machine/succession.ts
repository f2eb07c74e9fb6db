/** From one generation to the next: one change at a time, from what was asked for to the program that runs. */

import type { Exit } from '../host/processes.js';
import type { Listener } from '../host/seccomp.js';
import type { KernelOptions } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import type { Chronicle } from './chronicle.js';
import { type Command, findExecutable } from './command.js';
import type { MachineConfig, MachineEvents, Outcome } from './config.js';
import type { MachineHardware } from './host-hardware.js';
import { firstOptions } from './kernel-options.js';
import { type Launcher, LauncherError } from './launcher.js';
import { Launchpad } from './launchpad.js';
import { cancelled, checkNextKernel, LiveUpdateError, nextKernel, unfreeze } from './live-update.js';
import type { PowerSwitch } from './power-switch.js';
import type { Programs } from './programs.js';
import { errnoOf, isRefusal, outcomeOf } from './refusal.js';
import { describeChange, say } from './report.js';
import { withReserve } from './reserve.js';
import type { Stage } from './stage.js';
import { WarmStart } from './warm-start.js';
import type { Watcher } from './watcher.js';

/** What a succession works with: the rest of the machine. */
export interface SuccessionParts {
  readonly config: MachineConfig;
  readonly events: MachineEvents;
  readonly watcher: Watcher;
  readonly programs: Programs;
  readonly hardware: MachineHardware;
  readonly chronicle: Chronicle;
  readonly power: PowerSwitch;
  readonly stage: Stage;
  /** The machine ends with this, unless it has ended already. */
  end(outcome: Outcome): void;
  hasEnded(): boolean;
  /** Nothing is under way any more, as a rule: if no program runs, none will. */
  idle(): void;
}

export class Succession {
  readonly #parts: SuccessionParts;
  readonly #launchpad: Launchpad;
  #command: Command;
  /** What the kernel was started with; undefined until the modules of the first one are loaded. */
  #options: KernelOptions | undefined;
  #change: Change | undefined;
  /** The program of the change, where it runs before its generation does. */
  #warm: WarmStart | undefined;

  constructor(parts: SuccessionParts) {
    this.#parts = parts;
    this.#command = parts.config.command;
    this.#launchpad = new Launchpad(parts.watcher, parts.programs, parts.config, {
      ready: () => this.#advance(),
      // Where nothing waits for it, another one is tried when something does.
      failed: (error) => this.#waitsForLauncher() && this.#change !== undefined && this.#fail(this.#change, error),
    });
  }

  /** What the generation runs. */
  get command(): Command {
    return this.#command;
  }

  /** What its kernel was started with; undefined before there is one. */
  get options(): KernelOptions | undefined {
    return this.#options;
  }

  get isIdle(): boolean {
    return this.#change === undefined;
  }

  get isBooting(): boolean {
    return this.#change?.kind === 'boot';
  }

  /** Begins the first generation. Its launcher gets ready while its modules are loaded. */
  boot(): void {
    const { config, watcher, end } = this.#parts;
    this.request(new Change('boot'));
    const load = async () => {
      this.#options = await firstOptions(config);
      this.#advance();
    };
    watcher.during(load()).catch((error: unknown) => {
      end({ failure: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Begins a change, or refuses it where another one is under way. */
  request(change: Change): void {
    // These are the end of what the program was started for.
    if (change.kind === 'restart' || change.kind === 'power-off') this.cancelWarm('a program asked for a reboot');
    if (this.#parts.hasEnded()) change.refuseAtEnd();
    else if (this.#change !== undefined) change.refuseForAnother();
    else if (change.kind === 'power-off') {
      change.commit();
      this.#parts.end({ code: 0 });
    } else this.#prepare(change);
  }

  /** The same, where another one is under way after that; it is dropped where the generation ends with that. */
  requestNext(change: Change): void {
    if (this.#change === undefined) this.request(change);
    else this.#change.waiting = change;
  }

  /**
   * Ends a program that was started before its generation, and the change with it, unless the generation has begun.
   *
   * @param change that is meant; by default the one that is under way
   */
  cancelWarm(reason: string, change = this.#change): void {
    if (change?.options.warm === undefined || change !== this.#change || change.isCommitted) return;
    this.#fail(change, new LiveUpdateError(`Cannot go on with the live update: ${reason}`, errno.EINTR));
  }

  /** A kexec is near. What takes long is done while the programs still run. */
  prepareEarly(): void {
    this.#launchpad.prepareEarly();
  }

  /** Whatever has ended: the launcher may be among them. */
  reaped(exits: readonly Exit[]): void {
    this.#launchpad.reaped(exits);
    this.#warm?.reaped(exits);
  }

  /** The machine has ended: nothing is changed any more. */
  close(): void {
    this.#change?.refuseAtEnd();
    this.#warm?.end();
    this.#launchpad.dismiss();
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
    const warm = this.#warm;
    this.#warm = undefined;
    warm?.end();
    if (!isRefusal(error)) throw error;
    if (change.kind === 'boot' || change.kind === 'resume') this.#parts.end(outcomeOf(error));
    change.refuse(error, errnoOf(error));
    if (change.waiting !== undefined) this.request(change.waiting);
    this.#parts.idle();
  }

  /** Carries out the change that was asked for, once there are a launcher and the modules of the first kernel. */
  #advance(): void {
    const [change, options, launcher] = [this.#change, this.#options, this.#launchpad.launcher];
    if (change === undefined || options === undefined || launcher?.listener === undefined) return;
    if (!this.#waitsForLauncher()) return;
    const { listener } = launcher;
    const next = { ...options, ...change.options.kernel };
    withReserve(() => {
      if (change.options.warm === undefined) this.#carryOut(change, launcher, listener, next);
      else this.#startWarm(change, launcher, listener, next);
    });
  }

  /** Where the program of a change is about to run, or runs, the next launcher is for the change after it. */
  #waitsForLauncher(): boolean {
    return this.#change?.isCommitted === false && this.#warm === undefined;
  }

  #startWarm(change: Change, launcher: Launcher, listener: Listener, options: KernelOptions): void {
    const { watcher, programs, stage, events } = this.#parts;
    const [{ generation }, { warm }] = [stage, change.options];
    // Nothing is warm before the first generation, whose boot lets no other change begin.
    if (generation === undefined || warm === undefined) return;
    try {
      const command = this.#commandOf(change);
      const file = findExecutable(command);
      this.#launchpad.take(launcher);
      events.warm?.(listener.fd);
      this.#warm = new WarmStart({
        ...{ watcher, programs, launcher, listener, file, command, generation, timeout: warm.timeout },
        waits: () => this.#carryOut(change, launcher, listener, options),
        failed: (refusal) => this.#fail(change, refusal),
      });
    } catch (error) {
      this.#fail(change, error);
    }
  }

  #carryOut(change: Change, launcher: Launcher, listener: Listener, options: KernelOptions): void {
    const { stage, hardware, chronicle, power } = this.#parts;
    const last = stage.generation;
    const warm = this.#warm;
    let frozen = false;
    try {
      const command = warm?.command ?? this.#commandOf(change);
      const file = warm?.file ?? findExecutable(command);
      checkNextKernel(change.kind, last, hardware, options, chronicle);
      change.begin();
      const next = nextKernel(change.kind, last, hardware, options, chronicle);
      change.carried = next.carried;
      frozen = next.carried !== undefined;
      const generation = stage.next(listener, next);
      // The programs end: from here on there is no way back.
      frozen = false;
      change.commit();
      chronicle.change(last, change.kind, () => stage.end(next.kernel));
      power.reset();
      change.replaced = this.#command;
      this.#command = command;
      this.#options = options;
      if (warm === undefined) {
        this.#launchpad.take(launcher);
        stage.begin(generation, launcher, file, command, () => this.#executed(change, launcher, generation.number));
        return;
      }
      this.#warm = undefined;
      const held = warm.take();
      stage.beginWarm(generation, launcher);
      this.#hasBegun(change, generation.number, () => generation.answer(held));
    } catch (error) {
      if (frozen && last !== undefined) unfreeze(last);
      this.#fail(change, frozen ? cancelled(error) : error);
    }
  }

  /** The next program runs, or could not be executed. */
  #executed(change: Change, launcher: Launcher, number: number): void {
    try {
      launcher.becomeProgram();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      this.#change = undefined;
      this.#notExecuted(change, error);
      return;
    }
    this.#hasBegun(change, number);
  }

  /** @param resume lets a program go on that waits for it */
  #hasBegun(change: Change, number: number, resume?: () => void): void {
    this.#change = undefined;
    this.#parts.chronicle.generationBegan(change.kind, number, this.#command.argv, change.carried);
    resume?.();
    const report = change.complete(number);
    if (change.kind === 'boot') this.#parts.events.started();
    const line = describeChange(change.kind, report);
    if (line !== undefined) say(line);
    if (change.waiting !== undefined) this.request(change.waiting);
    this.#parts.idle();
  }

  /** What cannot be executed is found out when the last generation is gone; its command may still do. */
  #notExecuted(change: Change, error: LauncherError): void {
    const { replaced } = change;
    if (change.kind !== 'kexec' || change.options.command === undefined || replaced === undefined) {
      change.refuse(error, errno.EIO);
      this.#parts.end({ failure: error.message, code: 126 });
      return;
    }
    const failure = `${error.message}. "${replaced.argv[0]}" runs again instead: nothing was lost`;
    say(failure);
    change.refuse(new Error(failure), errno.EIO);
    this.#command = replaced;
    this.request(new Change('resume'));
  }

  #commandOf({ kind, options }: Change): Command {
    const number = (this.#parts.stage.generation?.number ?? 0) + (kind === 'resume' ? 0 : 1);
    return options.command ?? this.#parts.events.commandOf?.(number) ?? this.#command;
  }
}
