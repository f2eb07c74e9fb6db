/**
 * The parent of a machine: it passes signals on, holds what the machine puts away, and cleans up whatever happens to
 * the machine. The machine does the same when the keeper is killed.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { becomeSubreaper } from '../host/processes.js';
import type { MachineConfig, Outcome } from './config.js';
import { CONTROL_SOCKET } from './control-protocol.js';
import { ListenerCopy } from './listener-copy.js';
import { runMachine } from './machine-process.js';
import { descendants, endProcesses } from './process-tree.js';
import { type Claim, release } from './registry.js';
import { describeHeld, describeRecovery, say } from './report.js';
import { SignalRoute } from './signal-route.js';
import { Crashes } from './vault/crashes.js';
import { HeldDescriptors } from './vault/held-descriptors.js';
import type { Running } from './vault/held-state.js';
import { weighHeld } from './vault/held-status.js';
import { type Asked, Hold } from './vault/hold.js';
import { storeOf } from './vault/service.js';

export { holdSignals } from './signal-route.js';

/**
 * Runs a machine to its end, and lets go of its name.
 *
 * @param ready called when its first program runs
 * @param held what a service manager has held of the machine before this one
 */
export async function keep(
  config: MachineConfig,
  { lock }: Pick<Claim, 'lock'>,
  ready: () => void,
  held?: ReadonlyMap<string, number>,
): Promise<Outcome> {
  // A program that became luo may have had children. They are none of the machine's.
  const others = new Set(descendants(process.pid));
  const keeper = new Keeper(config, { lock, others, ready }, held);
  becomeSubreaper();
  try {
    return await keeper.run();
  } finally {
    keeper.close();
    release({ directory: config.directory, lock });
  }
}

interface KeeperParts {
  readonly lock: number;
  readonly others: ReadonlySet<number>;
  ready(): void;
}

class Keeper {
  readonly #parts: KeeperParts;
  readonly #listener = new ListenerCopy();
  readonly #signals = new SignalRoute();
  readonly #held: HeldDescriptors | undefined;
  readonly #crashes = new Crashes();
  #config: MachineConfig;
  /** What ran last: of a machine that could not boot again, it is what ran before. */
  #ran: Running | undefined;
  #isReady = false;

  constructor(config: MachineConfig, parts: KeeperParts, held?: ReadonlyMap<string, number>) {
    this.#config = config;
    this.#parts = parts;
    const lost = (name: string) =>
      say(`Cannot hold ${name} of machine "${config.name}": luo has used up its descriptors. Raise ulimit -Hn`);
    this.#held = (config.onCrash ?? 'end') === 'end' ? undefined : new HeldDescriptors(lost, held);
  }

  /** One machine after the other, for as long as there is something to go on with. */
  async run(): Promise<Outcome> {
    let asked: Asked | undefined;
    for (;;) {
      const outcome = await this.#runOnce(asked);
      asked?.failed(outcome.failure ?? 'the machine ended before its program ran');
      if (!this.#holdsSomething()) return outcome;
      const next = await this.#next(outcome);
      // What there was to say has been said.
      if (next === undefined)
        return outcome.signal === undefined ? { code: outcome.code ?? LUO_FAILED } : { signal: outcome.signal };
      asked = next;
    }
  }

  /** Nothing of the machine runs any more when this returns. */
  close(): void {
    endProcesses(this.#parts.others);
    this.#listener.close();
    this.#held?.close();
  }

  async #runOnce(asked: Asked | undefined): Promise<Outcome> {
    this.#isReady = false;
    const outcome = await runMachine(this.#config, {
      lock: this.#parts.lock,
      listener: this.#listener,
      signals: this.#signals,
      held: this.#held,
      ready: (recovered) => {
        this.#isReady = true;
        if (recovered !== undefined) {
          say(describeRecovery(this.#config.name, recovered));
          for (const sentence of recovered.notRecovered) say(`not recovered: ${sentence}`);
          asked?.succeeded(recovered);
        }
        this.#parts.ready();
      },
    });
    endProcesses(this.#parts.others);
    this.#listener.close();
    // A machine that was killed has left its socket, and the next one listens there.
    rmSync(join(this.#config.directory, CONTROL_SOCKET), { force: true });
    return outcome;
  }

  #holdsSomething(): boolean {
    const state = this.#held?.state();
    return state !== undefined && !state.isEmpty;
  }

  /** What is to happen with what is held; undefined where it is let go of. */
  async #next(outcome: Outcome): Promise<Asked | undefined> {
    const [held, { name, onCrash }] = [this.#held, this.#config];
    if (this.#isReady || this.#ran === undefined) this.#ran = held?.state()?.running;
    if (held === undefined || this.#ran === undefined) return undefined;
    const { command, profile, modules } = this.#ran;
    // What was to fail has failed: it would strike again.
    this.#config = { ...this.#config, command, profile, modules, inject: [] };
    if (outcome.failure !== undefined) say(outcome.failure);
    const weight = weighHeld(held);
    if (onCrash === 'recover' && this.#crashes.another()) {
      say(`machine "${name}" boots again: ${describeHeld(weight)} were held`);
      return silent;
    }
    if (storeOf(this.#config) !== undefined) {
      say(
        `${describeHeld(weight)} are left in the store of the service manager; started again, machine "${name}" has them`,
      );
      return undefined;
    }
    say(
      `machine "${name}" is held: ${describeHeld(weight)}. Boot it again: luo recover ${name}; let go of it: luo stop ${name}`,
    );
    const asked = await new Hold(this.#config, held, this.#signals).asked();
    if (asked !== undefined) this.#config = { ...this.#config, command: { ...command, ...asked.command } };
    return asked;
  }
}

/** Nobody has asked. */
const silent: Asked = { command: {}, succeeded: () => {}, failed: () => {} };

/** Exit codes of luo's own, as those of other programs that run programs. */
const LUO_FAILED = 125;
const SIGNALLED = 128;

/** What `luo run` exits with: the code of the first program, or 128 and the signal that ended it, as in a shell. */
export function exitCode({ code, signal, failure }: Outcome): number {
  if (failure !== undefined) say(failure);
  if (code !== undefined) return code;
  return signal === undefined ? LUO_FAILED : SIGNALLED + signal;
}
