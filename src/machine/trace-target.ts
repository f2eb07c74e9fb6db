/** Where a trace is written: each event at once, so that nothing is lost however the machine ends. */
import { closeSync, openSync } from 'node:fs';
import type { TraceTarget } from './config.js';
import { SetupError } from './directories.js';
import type { Watch } from './recorder.js';
import { say } from './report.js';
import { TraceLines } from './trace-lines.js';
import { writeAll } from './write-all.js';

const STANDARD_ERROR = 2;

export interface Trace {
  readonly write: Watch;
  /** What is held back is written. */
  flush(): void;
  /** The same, and the file is closed. */
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
    flush: () => write(lines.rest()),
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
