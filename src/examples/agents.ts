import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Failure } from './failure.js';

const source = fileURLToPath(new URL('../../examples/agent/agent.c', import.meta.url));

/**
 * Compiles both versions of the agent, `agent-1` and `agent-2`, into a directory.
 *
 * @throws Failure where there is no compiler, or it fails
 */
export async function compileAgents(directory: string): Promise<void> {
  await Promise.all([1, 2].map((version) => compileAgent(version, join(directory, `agent-${version}`))));
}

async function compileAgent(version: number, output: string): Promise<void> {
  try {
    await promisify(execFile)('gcc', ['-O2', '-D_GNU_SOURCE', `-DVERSION=${version}`, '-o', output, source]);
  } catch (error) {
    // The errors of execFile carry a code: the name of an error, or what the command exited with.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Failure(
        'Cannot compile the agent: there is no gcc. Install it with the C library: apt install gcc libc6-dev',
      );
    }
    throw new Failure(`Cannot compile the agent: ${error instanceof Error ? error.message : error}`);
  }
}
