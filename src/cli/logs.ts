import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describeRunning } from '../machine/control-client.js';
import { logFile, SetupError } from '../machine/directories.js';
import { runningMachines } from '../machine/registry.js';
import { print } from './output.js';

const POLL_INTERVAL = 200;

/** `luo logs`. */
export async function logs(name: string, { follow = false }: { follow?: boolean }): Promise<void> {
  const path = logFile(name);
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

/** What has come since the last time. False where nobody reads it any more. */
function show(file: number): boolean {
  const part = Buffer.alloc(1 << 16);
  for (let length = readSync(file, part); length > 0; length = readSync(file, part)) {
    if (!print(part.subarray(0, length))) return false;
  }
  return true;
}
