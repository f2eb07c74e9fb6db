/** What a run leaves: its events, and the output of its programs, as much of it as is kept. */
import type { Outcome } from '../machine/config.js';
import type { CallEvent, EndEvent, ExitEvent, GenerationEvent, MachineEvent, StepEvent } from '../machine/events.js';
import type { WorkerEvent } from './worker-protocol.js';

/** How much output of one try of a stage is kept, in bytes: the first half of it, and the last. */
export const MOST_OUTPUT = 64 * 1024;

/** One run of one stage's command. */
export interface Try {
  /** The generation, from 1. */
  readonly stage: number;
  /** Whether it is a second run of the stage, on the same kernel. */
  readonly isRestart: boolean;
  /** Standard output and error, as it came, without what is more than `MOST_OUTPUT`. */
  readonly output: string;
  /** Bytes that are not in `output`. */
  readonly omitted: number;
}

/** How a run ended where it did not end by itself. */
export type Interruption =
  | { readonly by: 'timeout'; readonly stage: number; readonly seconds: number }
  | { readonly by: 'storm'; readonly processes: number }
  /** The machine was killed, by a fault as a rule. */
  | { readonly by: 'kill' }
  /** The person has enough. */
  | { readonly by: 'person' };

export interface Recording {
  readonly events: readonly WorkerEvent[];
  readonly tries: readonly Try[];
  /** Undefined where the machine was killed. */
  readonly outcome?: Outcome;
  readonly interruption?: Interruption;
  /** Stages that were over since a line of their output said so. */
  readonly matched: readonly number[];
  readonly milliseconds: number;
}

export function callsOf({ events }: Recording): CallEvent[] {
  return events.filter((event) => event.event === 'call');
}

export function stepsOf({ events }: Recording): StepEvent[] {
  return events.filter((event) => event.event === 'step');
}

export function exitsOf({ events }: Recording): ExitEvent[] {
  return events.filter((event) => event.event === 'exit');
}

export function endsOf({ events }: Recording): EndEvent[] {
  return events.filter((event) => event.event === 'end');
}

export function generationsOf({ events }: Recording): GenerationEvent[] {
  return events.filter((event) => event.event === 'generation');
}

/** Whether the event is the machine's own, and no note of the worker's. */
export function isMachineEvent(event: WorkerEvent): event is MachineEvent {
  return !['restart', 'matched', 'refused', 'over'].includes(event.event);
}

/** Keeps the beginning and the end of what may be without end. */
export class BoundedText {
  #head: Buffer = Buffer.alloc(0);
  #tail: Buffer = Buffer.alloc(0);
  #total = 0;

  append(bytes: Buffer): void {
    this.#total += bytes.length;
    const room = MOST_OUTPUT / 2 - this.#head.length;
    if (room > 0) this.#head = Buffer.concat([this.#head, bytes.subarray(0, room)]);
    const rest = bytes.subarray(Math.max(0, room));
    if (rest.length === 0) return;
    // A copy: what it is a part of may be large.
    this.#tail = Buffer.from(Buffer.concat([this.#tail, rest]).subarray(-MOST_OUTPUT / 2));
  }

  get omitted(): number {
    return this.#total - this.#head.length - this.#tail.length;
  }

  get text(): string {
    const { omitted } = this;
    const [head, tail] = [this.#head, this.#tail];
    if (omitted === 0) return Buffer.concat([head, tail]).toString('utf8');
    return `${head.toString('utf8')}\n[${omitted} bytes left out]\n${tail.toString('utf8')}`;
  }
}
