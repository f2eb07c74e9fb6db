import { fileURLToPath } from 'node:url';
import { ask, chooseMachine } from '../machine/control-client.js';
import type { MachineStatus } from '../machine/control-protocol.js';
import { SetupError } from '../machine/directories.js';
import { describeUpgrade, say } from '../machine/report.js';

const program = fileURLToPath(new URL('../machine/machine-main.js', import.meta.url));

/** `luo upgrade`. Returns when this luo serves the machine's programs. */
export async function upgrade(name: string | undefined): Promise<void> {
  const machine = chooseMachine(name);
  const before = await statusOf(machine);
  const answer = await ask(machine, { request: 'upgrade', node: process.execPath, program });
  if (answer !== undefined && 'error' in answer) throw new SetupError(answer.error);
  const { upgraded } = await statusOf(machine);
  if (upgraded === undefined || upgraded.count === before.upgraded?.count) throw new SetupError(ended(machine));
  say(describeUpgrade(machine, upgraded));
}

async function statusOf(machine: string): Promise<MachineStatus> {
  const answer = await ask(machine, { request: 'status' });
  if (answer !== undefined && 'error' in answer) throw new SetupError(answer.error);
  if (answer === undefined || !('status' in answer)) throw new SetupError(ended(machine));
  return answer.status;
}

function ended(machine: string): string {
  return `Machine "${machine}" ended during the upgrade: luo logs ${machine} may tell why`;
}
