import { ask, chooseMachine } from '../machine/control-client.js';
import { SetupError } from '../machine/directories.js';
import { describeKexec, say } from '../machine/report.js';

/** `luo kexec`. */
export async function kexec(name: string | undefined, argv: readonly string[]): Promise<void> {
  const machine = chooseMachine(name);
  const command = argv.length === 0 ? {} : { argv, cwd: process.cwd() };
  const answer = await ask(machine, { request: 'kexec', command });
  if (answer === undefined)
    throw new SetupError(`Machine "${machine}" ended during the live update: luo logs ${machine} may tell why`);
  if ('error' in answer) throw new SetupError(answer.error);
  if ('kexec' in answer) say(describeKexec(answer.kexec));
}
