/** From one generation to the next: one change at a time, from what was asked for to the program that runs. */

import type { Exit } from '../host/processes.js';
import type { Listener } from '../host/seccomp.js';
import type { KernelOptions } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import { type Command, findExecutable } from './command.js';
import type { KexecReport } from './control-protocol.js';
import { type Launcher, LauncherError } from './launcher.js';
import { Launchpad } from './launchpad.js';
import { cancelled, checkNextKernel, LiveUpdateError, type NextKernel, nextKernel, unfreeze } from './live-update.js';
import { errnoOf, isRefusal, outcomeOf } from './refusal.js';
import { describeChange, say } from './report.js';
import { withReserve } from './reserve.js';
import { Running } from './running.js';
import type { SuccessionParts } from './succession-parts.js';
import { Trials } from './trials.js';
import { WarmStart } from './warm-start.js';
import { writeDown } from './write-down.js';

export class Succession {
  readonly #parts: SuccessionParts;
  readonly #launchpad: Launchpad;
  readonly #trials: Trials;
  /** What the generation runs. */
  readonly running: Running;
  #change: Change | undefined;
  /** The program of the change, where it runs before its generation does. */
  #warm: WarmStart | undefined;

  constructor(parts: SuccessionParts) {
    const { watcher, programs, chronicle, config, events } = parts;
    this.#parts = parts;
    this.#trials = new Trials({
      watcher,
      programs,
      recorder: chronicle.recorder,
      directory: config.directory,
      complete: (change, report) => this.#complete(change, report),
      goBack: (change) => this.#goBack(change),
    });
    this.running = new Running(config, events);
    this.#launchpad = new Launchpad(watcher, programs, config, {
      ready: () => this.#advance(),
      // Where nothing waits for it, another one is tried when something does.
      failed: (error) => this.#waitsForLauncher() && this.#change !== undefined && this.#fail(this.#change, error),
    });
  }

  /** Whether no generation begins, ends, or has yet to show that it is good. */
  get isIdle(): boolean {
    return this.#change === undefined && this.#trials.wayBack === undefined;
  }

  get isBooting(): boolean {
    return this.#change?.kind === 'boot';
  }

  /** Begins the first generation. Its launcher gets ready while its modules are loaded. */
  boot(): void {
    const { watcher, end } = this.#parts;
    this.request(new Change('boot'));
    const loaded = this.running.load().then(() => this.#advance());
    watcher.during(loaded).catch((error: unknown) => {
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
    this.#trials.reaped(exits);
  }

  /** The first program has ended by itself. */
  exited(exit: Exit): void {
    this.#trials.exited(exit);
  }

  /** No program runs any more. The machine ends, unless something is under way. */
  allEnded(): void {
    if (this.#trials.allEnded() && (this.#change === undefined || this.#trials.wayBack !== undefined))
      this.#parts.end(this.#parts.programs.exit ?? { code: 0 });
  }

  /** The machine has ended: nothing is changed any more. */
  close(): void {
    this.#change?.refuseAtEnd();
    this.#warm?.end();
    this.#trials.end();
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
    this.#warm?.end();
    this.#warm = undefined;
    this.#trials.end();
    if (!isRefusal(error)) throw error;
    if (['boot', 'resume', 'rollback'].includes(change.kind)) this.#parts.end(outcomeOf(error));
    change.refuse(error, errnoOf(error));
    if (change.waiting !== undefined) this.request(change.waiting);
    this.#parts.idle();
  }

  /** Carries out the change that was asked for, once there are a launcher and the modules of the first kernel. */
  #advance(): void {
    const [change, launcher] = [this.#change, this.#launchpad.launcher];
    if (change === undefined || launcher?.listener === undefined || !this.#waitsForLauncher()) return;
    const options = this.running.optionsAfter(change);
    if (options === undefined) return;
    const { listener } = launcher;
    const { warm } = change.options;
    withReserve(() => {
      if (warm === undefined) this.#carryOut(change, launcher, listener, options);
      else this.#startWarm(change, warm.timeout, launcher, listener, options);
    });
  }

  /** Where the program of a change is about to run, or runs, the next launcher is for the change after it. */
  #waitsForLauncher(): boolean {
    return this.#change?.isCommitted === false && this.#warm === undefined;
  }

  #startWarm(change: Change, timeout: number, launcher: Launcher, listener: Listener, options: KernelOptions): void {
    try {
      const command = this.#equipped(change);
      const file = findExecutable(command);
      this.#launchpad.take(launcher);
      this.#warm = new WarmStart(this.#parts, {
        ...{ launcher, listener, file, command, timeout, prepare: change.options.prepare },
        waits: () => this.#carryOut(change, launcher, listener, options),
        failed: (refusal) => this.#fail(change, refusal),
      });
    } catch (error) {
      this.#fail(change, error);
    }
  }

  #carryOut(change: Change, launcher: Launcher, listener: Listener, options: KernelOptions): void {
    const { stage, hardware, chronicle, power, recovery } = this.#parts;
    const last = stage.generation;
    const warm = this.#warm;
    const isBack = change.kind === 'rollback';
    let frozen = false;
    let next: NextKernel | undefined;
    try {
      const command = this.#commandOf(change);
      const equipped = warm?.command ?? this.#equipped(change);
      const file = warm?.file ?? findExecutable(command);
      checkNextKernel(change.kind, last, hardware, options, chronicle);
      change.begin();
      next = nextKernel(change, this.#trials.wayBack, last, hardware, options, chronicle, recovery);
      const { kernel, carried, recovered } = next;
      change.carried = carried;
      frozen = carried !== undefined && !isBack;
      const generation = stage.next(listener, next);
      const before = { command: this.running.command, options: this.running.options ?? options };
      this.#trials.prepare(change, next, command, before);
      // The programs end: from here on only a generation on trial has a way back.
      frozen = false;
      change.commit();
      change.recovered = recovered;
      const modules = this.running.modulesAfter(change);
      writeDown(change, generation.number, { command, options, modules }, kernel, this.#parts);
      if (!isBack) chronicle.change(last, change.kind, () => stage.end(kernel));
      power.reset();
      change.replaced = before.command;
      this.running.become(command, options, modules);
      if (warm !== undefined) {
        // What the program asks for when it goes on may be another change, unless it is on trial.
        [this.#warm, this.#change] = [undefined, change.options.trial === undefined ? undefined : change];
        this.#hasBegun(change, generation.number, warm.handOver(generation));
        return;
      }
      this.#launchpad.take(launcher);
      stage.begin(generation, launcher, file, equipped, () => this.#executed(change, launcher, generation.number));
    } catch (error) {
      if (frozen && last !== undefined) unfreeze(last);
      if (!change.isCommitted) next?.copy?.close();
      this.#fail(change, frozen ? cancelled(error) : error);
    }
  }

  /** The next program runs, or could not be executed. */
  #executed(change: Change, launcher: Launcher, number: number): void {
    try {
      launcher.becomeProgram();
    } catch (error) {
      this.#change = undefined;
      this.#trials.end();
      if (!(error instanceof LauncherError)) throw error;
      this.#notExecuted(change, error);
      return;
    }
    this.#hasBegun(change, number);
  }

  /** @param resume lets a program go on that waits for it */
  #hasBegun(change: Change, number: number, resume?: () => void): void {
    this.#parts.chronicle.generationBegan(change.kind, number, this.running.command.argv, change.carried);
    resume?.();
    const report = change.report(number);
    if (change.kind === 'boot') this.#parts.events.started(change.recovered);
    const line = describeChange(change.kind, report);
    if (line !== undefined) say(line);
    // For the way back, which must not wait for it.
    if (this.#trials.begin(change, report)) this.prepareEarly();
    else this.#complete(change, report);
  }

  #complete(change: Change, report: KexecReport): void {
    if (this.#change === change) this.#change = undefined;
    change.complete(report);
    if (change.waiting !== undefined) this.request(change.waiting);
    // What was begun may have ended before it was known to have begun.
    this.#parts.idle();
  }

  /** The generation on trial is given up: back to what ran before. */
  #goBack(change: Change): void {
    const { stage, chronicle } = this.#parts;
    chronicle.change(stage.generation, 'rollback', () => stage.end());
    this.#change = undefined;
    this.#prepare(change);
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
    this.running.become(replaced);
    this.request(new Change('resume'));
  }

  /** What is executed, with what it must know beyond that. */
  #equipped(change: Change): Command {
    return this.#trials.equip(change, (this.#parts.stage.generation?.number ?? 0) + 1, this.#commandOf(change));
  }

  #commandOf(change: Change): Command {
    return this.running.commandAfter(change, this.#parts.stage.generation?.number ?? 0);
  }
}
