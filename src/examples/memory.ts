import { readFileSync } from 'node:fs';
import { Failure } from './failure.js';

/** What Node, luo and the agents take, beside the agent's memory. MiB. */
const OVERHEAD = 200;

/**
 * Makes sure that an agent with `size` MiB of memory can run.
 *
 * @throws Failure that says how much memory there is, and how much is needed
 */
export function checkMemory(size: number): void {
  const available = availableMemory();
  if (available >= size + OVERHEAD) return;
  throw new Failure(
    `Cannot show an agent with ${size} MiB: it needs ${size + OVERHEAD} MiB of memory, and ${available} MiB are available. ` +
      'Free some, or show a smaller one: npm start -- --size 128',
  );
}

/** In MiB: of this computer, or of the container. */
function availableMemory(): number {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
  // Where there is no limit it is 0, or larger than any memory.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(Number(kibibytes) / 1024, limit / 2 ** 20));
}
