import { ask, chooseMachine } from '../machine/control-client.js';
import type { NewCommand } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { quoted } from '../machine/quote.js';
import { describeRecovery, formatBytes, plural, say } from '../machine/report.js';
import { print } from './output.js';
import { workingDirectory } from './working-directory.js';

/** `luo recover`. Returns when the program runs. */
export async function recover(name: string | undefined, argv: readonly string[]): Promise<void> {
  const machine = chooseMachine(name);
  const command: NewCommand = argv.length === 0 ? {} : { argv, cwd: workingDirectory() };
  const answer = await ask(machine, { request: 'recover', command });
  if (answer === undefined) throw new SetupError(`Cannot recover machine "${machine}": it has just ended`);
  if ('error' in answer) throw new SetupError(answer.error);
  if (!('recovered' in answer)) {
    say(`machine "${machine}" runs: there is nothing to recover`);
    return;
  }
  const { sessions, notRecovered } = answer.recovered;
  print(`${describeRecovery(machine, answer.recovered)}\n`);
  for (const { name: session, files, bytes } of sessions) {
    print(`  session ${quoted(session)}: ${plural(files, 'file')}, ${formatBytes(BigInt(bytes))}\n`);
  }
  for (const sentence of notRecovered) say(`not recovered: ${sentence}`);
}
