/** Another luo takes the place of the machine's process: its programs notice a call that takes longer, and no more. */

import { close } from '../../host/descriptors.js';
import type { Exit } from '../../host/processes.js';
import { KernelError } from '../../kernel/error.js';
import { errnoName } from '../../uapi/errno.js';
import type { MachineStatus, NewLuo, UpgradeReport } from '../control-protocol.js';
import type { Generation } from '../generation.js';
import { describeThrown, describeUpgrade, say } from '../report.js';
import { withReserve } from '../reserve.js';
import type { Watcher } from '../watcher.js';
import { Rehearsal } from './rehearsal.js';
import { becomeOther } from './replace.js';
import { type Resumed, type ResumedParts, resumeMachine, upgradeReport } from './resume.js';
import { type MachineParts, saveMachine } from './save.js';
import { type MachineState, writeState } from './state.js';
import { UpgradeError } from './upgrade-error.js';

/** How long a new luo may take to show that it can go on. Milliseconds. */
const PATIENCE = 30_000;

export interface UpgradeParts extends Omit<MachineParts, 'startedAt'>, ResumedParts {
  readonly watcher: Watcher;
  /** Of a machine whose programs run already. */
  readonly resumed: Resumed | undefined;
  /** Why the machine cannot go on in another process now, beside what can be seen of its parts. */
  obstacle(): string | undefined;
}

export class Upgrade {
  /** When the machine was started, whichever luo that was: milliseconds since the epoch. */
  readonly startedAt: number;
  /** The socket that commands connect to, once there is one. */
  controlSocket: number | undefined;
  readonly #parts: UpgradeParts;
  #isUnderWay = false;
  #rehearsal: Rehearsal | undefined;
  /** How this luo took the place of another one, where it did. */
  report: UpgradeReport | undefined;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
    this.startedAt = parts.resumed?.state.startedAt ?? Math.round(performance.timeOrigin);
  }

  /**
   * Goes on as another luo, in this very process. Comes back only where that does not happen.
   *
   * @throws UpgradeError and then nothing has changed
   */
  async run(luo: NewLuo): Promise<never> {
    const control = this.controlSocket;
    if (control === undefined) throw new UpgradeError('it listens to nobody yet. Try again');
    if (this.#isUnderWay) throw new UpgradeError('another upgrade is under way. Try again when it is done');
    this.#isUnderWay = true;
    try {
      await this.#rehearse(luo, control);
      // What has changed meanwhile is what the programs have done: the same kinds of things.
      const state = this.#save(control);
      this.#parts.chronicle.leaving();
      throw withReserve(() => replace(luo, state));
    } finally {
      this.#isUnderWay = false;
    }
  }

  /**
   * Goes on where another luo was. Programs are served when this returns.
   *
   * @returns whether there was one
   * @throws KernelError where a file is refused that was taken before
   */
  resume(status: () => MachineStatus): boolean {
    const { chronicle, stage, config, resumed } = this.#parts;
    if (resumed === undefined) return false;
    resumeMachine(this.#parts, resumed);
    this.report = upgradeReport(resumed, status());
    chronicle.upgraded(stage.generation, this.report);
    say(describeUpgrade(config.name, this.report));
    return true;
  }

  /** Whatever has ended: the new luo may be among them. */
  reaped(exits: readonly Exit[]): void {
    if (exits.some(({ pid }) => pid === this.#rehearsal?.pid)) this.#rehearsal?.reaped();
  }

  /** The machine has ended. */
  close(): void {
    this.#endRehearsal();
  }

  async #rehearse(luo: NewLuo, control: number): Promise<void> {
    const { watcher, programs } = this.#parts;
    const rehearsal = withReserve(() => new Rehearsal(luo, this.#save(control)));
    this.#rehearsal = rehearsal;
    programs.spare(rehearsal.pid);
    const said = new Promise<void>((resolve, reject) => {
      watcher.watch(rehearsal.socket, () => resolve());
      watcher.after(PATIENCE, () =>
        reject(new UpgradeError(`the new luo does not say within ${PATIENCE / 1000} s whether it can go on`)),
      );
    });
    try {
      await watcher.during(said);
      rehearsal.result();
    } finally {
      this.#endRehearsal();
    }
  }

  #endRehearsal(): void {
    const rehearsal = this.#rehearsal;
    if (rehearsal === undefined) return;
    this.#rehearsal = undefined;
    this.#parts.watcher.unwatch(rehearsal.socket);
    rehearsal.end();
    this.#parts.programs.spareNoMore(rehearsal.pid);
  }

  /** @throws UpgradeError where the machine cannot be taken to another process, or not now */
  #save(control: number): MachineState {
    const generation = this.#generation();
    try {
      return saveMachine(
        { ...this.#parts, startedAt: this.startedAt },
        generation,
        control,
        (this.#parts.resumed?.state.upgrades ?? 0) + 1,
      );
    } catch (error) {
      if (error instanceof KernelError) throw new UpgradeError(`${error.message} (${error.code})`);
      throw new UpgradeError(describeThrown(error));
    }
  }

  #generation(): Generation {
    const { stage, succession, config } = this.#parts;
    const { generation } = stage;
    if ((config.serial ?? []).length > 0) {
      throw new UpgradeError(
        'it has serial ports, and what happens on them is in its process alone. End it, and start it with the new luo',
      );
    }
    if (generation === undefined || stage.isOver || !succession.isIdle) {
      throw new UpgradeError('a generation begins, ends or is on trial. Try again when it runs');
    }
    if (generation.hasPanicked)
      throw new UpgradeError('its kernel has panicked, and cannot be taken to another process');
    const obstacle = this.#parts.obstacle();
    if (obstacle !== undefined) throw new UpgradeError(obstacle);
    return generation;
  }
}

/** @returns why it did not happen */
function replace(luo: NewLuo, state: MachineState): UpgradeError {
  let written: number;
  try {
    written = writeState(state);
  } catch (error) {
    return new UpgradeError(`cannot write down what it is: ${describeThrown(error)}`);
  }
  const error = becomeOther(luo, state, written);
  close(written);
  return new UpgradeError(`cannot execute ${luo.node} (${errnoName(error)})`);
}
