import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { say } from '../machine/report.js';

/**
 * Removes a directory with all that programs have put into it. A directory that they made read-only, as caches of
 * packages are, is no obstacle; what cannot be removed all the same is named on standard error.
 */
export function removeTree(directory: string): void {
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  try {
    remove();
  } catch {
    try {
      makeWritable(directory);
      remove();
    } catch (error) {
      say(`Cannot remove what a run has left: ${error instanceof Error ? error.message : error}`);
    }
  }
}

function makeWritable(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) makeWritable(join(directory, entry.name));
}
