/** The generation that has to show that it is good, and the way back to what ran before it. */
import type { Exit } from '../host/processes.js';
import type { KernelOptions } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { Change } from './change.js';
import type { Command } from './command.js';
import type { KexecReport } from './control-protocol.js';
import { LiveUpdateError, type NextKernel, type WayBack } from './live-update.js';
import { NotifySocket } from './notify-socket.js';
import type { Programs } from './programs.js';
import { describeCarried, describeReady, describeThrown, say } from './report.js';
import { nameText } from './session-status.js';
import { Trial, type TrialParts } from './trial.js';

export interface TrialsParts extends Pick<TrialParts, 'watcher' | 'recorder'> {
  /** Of the machine. */
  readonly directory: string;
  readonly programs: Programs;
  /** A live update is done: its generation is good. */
  complete(change: Change, report: KexecReport): void;
  /** The generation is not: its programs and its kernel must end, and this change come after it. */
  goBack(change: Change): void;
}

/** What ran before, and what its kernel was started with. */
export interface Before {
  readonly command: Command;
  readonly options: KernelOptions;
}

interface Tried extends WayBack {
  readonly number: number;
  readonly trial: Trial;
  /** The live update that is not over before it is known to be good. */
  readonly change: Change;
  readonly command: Command;
  readonly before: Before;
}

export class Trials {
  readonly #parts: TrialsParts;
  #tried: Tried | undefined;
  /** Of the program that is about to be started. */
  #socket: NotifySocket | undefined;

  constructor(parts: TrialsParts) {
    this.#parts = parts;
  }

  /** Where a rollback goes. */
  get wayBack(): WayBack | undefined {
    return this.#tried;
  }

  /**
   * The program of a live update is about to be started.
   *
   * @param generation of which it will be
   * @returns the command with what it must know, where it has to show that it is good
   * @throws LiveUpdateError where the machine's directory has no place for a socket: nothing has changed then
   */
  equip({ options: { trial } }: Change, generation: number, command: Command): Command {
    if (trial === undefined) return command;
    try {
      this.#socket = new NotifySocket(this.#parts.directory, generation);
    } catch (error) {
      throw new LiveUpdateError(`Cannot make $NOTIFY_SOCKET: ${describeThrown(error)}. Nothing has changed`, errno.EIO);
    }
    return this.#socket.equip(command);
  }

  /** Puts the generation on trial that comes next, where its live update asks for that. */
  prepare(change: Change, { number, kernel, copy }: NextKernel, command: Command, before: Before): void {
    const { trial: request } = change.options;
    const socket = this.#socket;
    if (request === undefined || copy === undefined || socket === undefined) return;
    this.#socket = undefined;
    const { watcher, recorder } = this.#parts;
    const trial = new Trial(request, {
      watcher,
      recorder,
      socket,
      generation: number,
      sessions: kernel.state().incoming.map(({ name }) => nameText(name)),
      good: (report) => this.#keep(report),
      bad: (reason) => this.#giveUp(reason),
    });
    this.#tried = { number, trial, copy, change, command, before, finished: trial.finished };
  }

  /**
   * The program of a live update runs.
   *
   * @returns whether it has to show that it is good
   */
  begin(change: Change, report: KexecReport): boolean {
    if (this.#tried?.change !== change) return false;
    this.#tried.trial.begin(report);
    return true;
  }

  /** Processes have ended. */
  reaped(exits: readonly Exit[]): void {
    this.#tried?.trial.reaped(exits);
  }

  /** The first program has ended by itself. One that was asked to has not failed. */
  exited(exit: Exit): void {
    if (!this.#parts.programs.wasAskedToEnd) this.#tried?.trial.exited(exit);
  }

  /**
   * No program runs any more.
   *
   * @returns whether that is the end of the trial, and no reason to go back
   */
  allEnded(): boolean {
    if (this.#tried === undefined || this.#parts.programs.wasAskedToEnd) return true;
    this.#tried.trial.allEnded();
    return false;
  }

  /** There is nothing to go back to any more. */
  end(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#tried?.trial.close();
    this.#tried?.copy.close();
    this.#tried = undefined;
  }

  #keep(report: KexecReport): void {
    const change = this.#tried?.change;
    this.end();
    if (report.ready !== undefined) say(describeReady(report.ready));
    if (change !== undefined) this.#parts.complete(change, report);
  }

  #giveUp(reason: string): void {
    const tried = this.#tried;
    if (tried === undefined) return;
    const { command, options } = tried.before;
    this.#parts.goBack(
      new Change('rollback', {
        command,
        kernel: options,
        succeeded: (report) => {
          this.end();
          const message = describeRollback(tried, reason, report);
          say(message);
          tried.change.refuse(new Error(message), errno.EIO);
        },
        failed: (error) => tried.change.refuse(error, errno.EIO),
      }),
    );
  }
}

function describeRollback(
  { number, change, command, before, finished }: Tried,
  reason: string,
  report: KexecReport,
): string {
  const lost = [...finished].map((session) => `"${session}"`).join(', ');
  const missing =
    lost === '' ? '' : `. Not there any more, since generation ${number} had finished it: session ${lost}`;
  return (
    `Cannot keep generation ${number}: "${command.argv.join(' ')}" ${reason}. Rolled back: generation ` +
    `${report.generation} runs "${before.command.argv.join(' ')}" again, with ${describeCarried(report)}; out of ` +
    `service for ${change.elapsed.toFixed(0)} ms${missing}`
  );
}
