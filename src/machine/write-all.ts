import { writeSync } from 'node:fs';

/** How long to wait for a reader of a pipe that is full. Milliseconds. */
const PAUSE = 1;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of a text before it returns, also into a pipe that a program has made non-blocking.
 *
 * @throws Error of Node, such as EPIPE and ENOSPC
 */
export function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      // Errors of Node's file functions carry the error's name. EAGAIN: the pipe is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, PAUSE);
    }
  }
}
