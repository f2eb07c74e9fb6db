import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { ask, describeRunning } from '../machine/control-client.js';
import { logFile, SetupError } from '../machine/directories.js';
import { runningMachines } from '../machine/registry.js';
import { say } from '../machine/report.js';
import { print } from './output.js';

const POLL_INTERVAL = 200;

/** How long a machine may take to say whether it has a log. Milliseconds. */
const PATIENCE = 3000;

/** `luo logs`. */
export async function logs(name: string, { follow = false }: { follow?: boolean }): Promise<void> {
  const path = logFile(name);
  if (await runsInForeground(name)) {
    const earlier = existsSync(path) ? `. An earlier machine of that name has left a log at ${path}` : '';
    throw new SetupError(
      `Cannot show the log of machine "${name}": it runs in the foreground and has none. Its output is where luo run ` +
        `was started${earlier}`,
    );
  }
  if (!existsSync(path)) {
    throw new SetupError(
      `Cannot show the log of machine "${name}": there is none at ${path}. Only machines that were started with ` +
        `luo run -d have one; ${describeRunning(runningMachines())}`,
    );
  }
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const running = runningMachines().includes(name);
      if (!show(file) || !follow || !running) return;
      await setTimeout(POLL_INTERVAL);
    }
  } finally {
    closeSync(file);
  }
}

/** A machine that does not answer, as one that is stopped, may well have a log that is worth a look. */
async function runsInForeground(name: string): Promise<boolean> {
  if (!runningMachines().includes(name)) return false;
  try {
    const answer = await ask(name, { request: 'status' }, PATIENCE);
    return answer !== undefined && 'status' in answer && !answer.status.detached;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return false;
  }
}

/** What has come since the last time. False where nobody reads it any more. */
function show(file: number): boolean {
  const part = Buffer.alloc(1 << 16);
  for (let length = readSync(file, part); length > 0; length = readSync(file, part)) {
    if (!print(part.subarray(0, length))) return false;
  }
  return true;
}
