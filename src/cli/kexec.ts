import { resolve } from 'node:path';
import type { Profile } from '../kernel/kernel.js';
import { ask, chooseMachine } from '../machine/control-client.js';
import type { NewKernel } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { describeKexec, say } from '../machine/report.js';

export interface KexecOptions {
  readonly abi?: Profile;
  /** Paths of files with kernel modules. */
  readonly module?: readonly string[];
  /** False where the next kernel is to have none. */
  readonly modules?: boolean;
  /** How long programs may take to get ready. Seconds. */
  readonly drainTimeout?: number;
}

/** `luo kexec`. */
export async function kexec(
  name: string | undefined,
  argv: readonly string[],
  options: KexecOptions = {},
): Promise<void> {
  const machine = chooseMachine(name);
  const command = argv.length === 0 ? {} : { argv, cwd: process.cwd() };
  const drain = options.drainTimeout === undefined ? {} : { drainTimeout: options.drainTimeout * 1000 };
  const answer = await ask(machine, { request: 'kexec', command, kernel: newKernel(options), ...drain });
  if (answer === undefined)
    throw new SetupError(`Machine "${machine}" ended during the live update: luo logs ${machine} may tell why`);
  if ('error' in answer) throw new SetupError(answer.error);
  if ('kexec' in answer) say(describeKexec(answer.kexec));
}

function newKernel({ abi, module, modules }: KexecOptions): NewKernel {
  const files = modules === false ? [] : module?.map((file) => resolve(file));
  return {
    ...(abi === undefined ? {} : { profile: abi }),
    ...(files === undefined ? {} : { modules: files }),
  };
}
