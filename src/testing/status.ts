import assert from 'node:assert/strict';
import type { MachineStatus } from '../machine/control-protocol.js';
import type { Luo } from './luo.js';

/** What `luo ps --json` says of the only machine of a test. */
export async function statusOf(luo: Luo): Promise<MachineStatus> {
  const { stdout } = await luo.run(['ps', '--json']);
  // What our own command prints.
  const [machine, ...others] = JSON.parse(stdout) as MachineStatus[];
  assert.ok(machine !== undefined && others.length === 0, `there is one machine: ${stdout}`);
  return machine;
}
