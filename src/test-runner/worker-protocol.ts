/** What the process that tests and its workers tell each other. A worker hosts one machine after the other. */

import type { Command } from '../machine/command.js';
import type { MachineConfig, Outcome } from '../machine/config.js';
import type { MachineEvent } from '../machine/events.js';

/** The worker's descriptors. 1 and 2 are the output of the programs. */
export const WORKER_SOCKET = 3;
export const WORKER_EVENTS = 4;

/** What stands after the mark at a border in the output: a stage begins, begins once more, or the run is over. */
export const borders = { next: 'n', again: 'a', over: 'o' } as const;
export type Border = keyof typeof borders;

/** To the worker: one JSON text a line, on its socket. */
export type WorkerRequest =
  | {
      readonly request: 'run';
      readonly config: MachineConfig;
      readonly stages: readonly Command[];
      /** How many times a stage that failed is run again, and a kexec that was refused is asked for again. */
      readonly retries: number;
      /** What stands at a border in the output. */
      readonly mark: string;
    }
  /** The program that runs as the n-th of all, from 1, has done its part. */
  | { readonly request: 'proceed'; readonly program: number }
  | { readonly request: 'abort'; readonly reason: string };

/** What the worker adds to the events of the machine, on the same pipe. */
export type WorkerNote =
  /** A stage failed and is run again, on the same kernel. */
  | { readonly event: 'restart' }
  /** A stage is over since a line of its output said so: how its program ends now means nothing. */
  | { readonly event: 'matched'; readonly stage: number }
  /** A kexec that nobody but luo asked for was refused. */
  | { readonly event: 'refused'; readonly reason: string }
  /** The run is over. */
  | { readonly event: 'over'; readonly outcome: Outcome };

export type WorkerEvent = MachineEvent | WorkerNote;
