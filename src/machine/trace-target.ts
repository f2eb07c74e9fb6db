/** Where a trace is written: each event at once, so that nothing is lost however the machine ends. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { TraceTarget } from './config.js';
import { SetupError } from './directories.js';
import type { Watch } from './recorder.js';
import { say } from './report.js';
import { TraceLines } from './trace-lines.js';

const STANDARD_ERROR = 2;

/** How long to wait for a reader of a pipe that is full. Milliseconds. */
const PAUSE = 1;
const pause = new Int32Array(new SharedArrayBuffer(4));

export interface Trace {
  readonly write: Watch;
  /** What is held back is written, and the file is closed. */
  close(): void;
}

/** @throws SetupError where the file cannot be written */
export function openTrace({ format, file }: TraceTarget): Trace {
  const descriptor = file === undefined ? STANDARD_ERROR : openToAppend(file);
  const lines = new TraceLines();
  let failed = false;
  const write = (text: readonly string[]) => {
    if (failed) return;
    try {
      writeAll(descriptor, text.map((line) => `${line}\n`).join(''));
    } catch (error) {
      // The machine goes on without it: a trace is not worth a program's state.
      failed = true;
      const reason = error instanceof Error ? error.message : String(error);
      say(`Cannot write the trace${file === undefined ? '' : ` to ${file}`}: ${reason}. The rest of it is lost`);
    }
  };
  return {
    write: (event) => write(format === 'json' ? [JSON.stringify(event)] : lines.format(event)),
    close: () => {
      write(lines.rest());
      if (descriptor !== STANDARD_ERROR) closeSync(descriptor);
    },
  };
}

function openToAppend(file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`Cannot write the trace: ${reason}. Name a file that you can write: --trace=FILE`);
  }
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      // Errors of Node's file functions carry the error's name. A pipe that somebody made non-blocking is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, PAUSE);
    }
  }
}
