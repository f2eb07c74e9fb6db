import { setTimeout } from 'node:timers/promises';
import { ask, chooseMachine } from '../machine/control-client.js';
import { runningMachines } from '../machine/registry.js';

const POLL_INTERVAL = 20;
/** How long a machine may take beyond what its programs are given. Milliseconds. */
const PATIENCE = 5000;

/** `luo stop`. Returns when nothing of the machine is left. */
export async function stop(name: string | undefined, { timeout }: { timeout: number }): Promise<void> {
  const machine = chooseMachine(name);
  await ask(machine, { request: 'stop', timeout: timeout * 1000 }, timeout * 1000 + PATIENCE);
  while (runningMachines().includes(machine)) await setTimeout(POLL_INTERVAL);
}
