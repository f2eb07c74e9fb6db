import { writeSync } from 'node:fs';

const PAUSE = 10;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes to standard output, all of it, whatever that is: also a pipe that somebody made non-blocking.
 *
 * @returns false where nobody reads any more
 */
export function print(output: string | Uint8Array): boolean {
  const bytes = typeof output === 'string' ? Buffer.from(output) : output;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      // Errors of Node's file functions carry the error's name.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, PAUSE);
    }
  }
  return true;
}
