import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { logFile, SetupError } from '../machine/directories.js';
import { runningMachines } from '../machine/registry.js';

const POLL_INTERVAL = 200;

/** `luo logs`. */
export async function logs(name: string, { follow = false }: { follow?: boolean }): Promise<void> {
  const path = logFile(name);
  if (!existsSync(path)) {
    throw new SetupError(
      `Cannot show the log of machine "${name}": there is none at ${path}. Only machines that were started with luo run -d have one`,
    );
  }
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const running = runningMachines().includes(name);
      show(file);
      if (!follow || !running) return;
      await setTimeout(POLL_INTERVAL);
    }
  } finally {
    closeSync(file);
  }
}

/** What has come since the last time. */
function show(file: number): void {
  const part = Buffer.alloc(1 << 16);
  for (let length = readSync(file, part); length > 0; length = readSync(file, part)) {
    for (let done = 0; done < length; ) done += writeSync(1, part, done, length - done);
  }
}
