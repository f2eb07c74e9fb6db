import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Profile } from '../kernel/kernel.js';
import { ask, chooseMachine } from '../machine/control-client.js';
import type { NewKernel, TrialRequest } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { describeKexec, say } from '../machine/report.js';
import { workingDirectory } from './working-directory.js';

export interface KexecOptions {
  readonly abi?: Profile;
  /** Paths of files with kernel modules. */
  readonly module?: readonly string[];
  /** False where the next kernel is to have none. */
  readonly modules?: boolean;
  /** How long programs may take to get ready. Seconds. */
  readonly drainTimeout?: number;
  /** Whether the next program is started first. */
  readonly warm?: boolean;
  /** How long it may take until it opens the device. Seconds. */
  readonly warmTimeout: number;
  /** Seconds. */
  readonly readyTimeout?: number;
  readonly readyBy?: 'notify' | 'finish';
  /** A command of the shell. */
  readonly readyWhen?: string;
}

/** Seconds that a generation is given where only the command is named that tells whether it is good. */
const READY_TIMEOUT = 30;

/** `luo kexec`. */
export async function kexec(name: string | undefined, argv: readonly string[], options: KexecOptions): Promise<void> {
  const machine = chooseMachine(name);
  const command = argv.length === 0 ? {} : { argv, cwd: process.cwd() };
  const trial = trialIn(options);
  const kernel = newKernel(options);
  const answer = await ask(machine, {
    request: 'kexec',
    command,
    kernel,
    ...(options.drainTimeout === undefined ? {} : { drainTimeout: options.drainTimeout * 1000 }),
    ...(trial === undefined ? {} : { trial }),
    ...(options.warm ? { warm: { timeout: options.warmTimeout * 1000 } } : {}),
  });
  if (answer === undefined)
    throw new SetupError(`Machine "${machine}" ended during the live update: luo logs ${machine} may tell why`);
  if ('error' in answer) throw new SetupError(answer.error);
  if ('kexec' in answer) say(describeKexec(answer.kexec));
}

/** @throws SetupError where the command cannot be run: found out while nothing has changed */
function trialIn({ readyTimeout, readyBy, readyWhen }: KexecOptions): TrialRequest | undefined {
  if (readyTimeout === undefined && readyBy === undefined && readyWhen === undefined) return undefined;
  if (readyWhen !== undefined) checkRuns(readyWhen);
  const timeout = (readyTimeout ?? READY_TIMEOUT) * 1000;
  return {
    timeout,
    cwd: workingDirectory(),
    ...(readyBy === undefined ? {} : { by: readyBy }),
    ...(readyWhen === undefined ? {} : { readyWhen }),
  };
}

/** How long a command may take that is only tried, in milliseconds. */
const TRY_LIMIT = 2000;

/** Exit codes of the shell: a command that cannot be executed, and one that it does not find. */
const CANNOT_EXECUTE = 126;
const NOT_FOUND = 127;

function checkRuns(readyWhen: string): void {
  const { status } = spawnSync('/bin/sh', ['-c', readyWhen], {
    stdio: 'ignore',
    timeout: TRY_LIMIT,
    killSignal: 'SIGKILL',
  });
  if (status !== CANNOT_EXECUTE && status !== NOT_FOUND) return;
  const problem = status === NOT_FOUND ? 'does not find it' : 'cannot execute it';
  throw new SetupError(
    `Cannot start a live update: --ready-when "${readyWhen}": the shell ${problem} (exit code ${status}). Nothing has changed; name a command that tells whether the service is good`,
  );
}

function newKernel({ abi, module, modules }: KexecOptions): NewKernel {
  const files = modules === false ? [] : module?.map((file) => resolve(file));
  return {
    ...(abi === undefined ? {} : { profile: abi }),
    ...(files === undefined ? {} : { modules: files }),
  };
}
