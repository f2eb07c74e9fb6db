/** Keeps count of what happens on a machine, and tells those who watch. With nobody there it only counts. */
import { KernelError } from '../kernel/error.js';
import { errnoName } from '../uapi/errno.js';
import type {
  CallEvent,
  EndEvent,
  ExitEvent,
  GenerationEvent,
  MachineEvent,
  StepEvent,
  StepName,
  UpgradeEvent,
} from './events.js';
import { describeThrown } from './report.js';

/** Told each event. It must not throw. */
export type Watch = (event: MachineEvent) => void;

/** A call or a step that is under way. */
export interface Doing {
  readonly generation: number;
  readonly depth: number;
  /** As the event has it. */
  readonly at: number;
  /** What it lies within. */
  readonly outer: Doing | undefined;
  /** Whether it is a part of a kexec, and neither a call nor what a handler does. */
  readonly isKexec: boolean;
  /** The fault that has struck it. */
  injected: string | undefined;
}

/** What a program is refused with: a positive error number, and why. */
export interface Refusal {
  readonly code: number;
  readonly error: Error;
}

/** What is the same for all that is under way is added by the recorder. */
type Nested = 'event' | 'at' | 'generation' | 'depth' | 'nth' | 'microseconds' | 'error' | 'reason' | 'injected';
export type CallDetails = Omit<CallEvent, Nested | 'call'>;
export type StepDetails = Omit<StepEvent, Nested | 'step' | 'count'>;
type Told = Omit<GenerationEvent, 'at'> | Omit<ExitEvent, 'at'> | Omit<EndEvent, 'at'> | Omit<UpgradeEvent, 'at'>;

/** Small steps of one name that came one after the other. */
interface Sum {
  readonly step: StepName;
  readonly doing: Doing;
  readonly nth: number;
  count: number;
  pages: number;
}

/** What another process that takes this one's place must know, so that it goes on counting. */
export interface SavedCounts {
  /** When the machine was started, in milliseconds of the clock that never goes back. */
  readonly start: number;
  readonly counts: readonly (readonly [name: string, count: number])[];
}

export class Recorder {
  readonly #start: number;
  readonly #watches = new Set<Watch>();
  readonly #counts: Map<string, number>;
  #doing: Doing | undefined;
  /** By name, since the last call or step that was more than that. */
  readonly #sums = new Map<StepName, Sum>();

  constructor({ start, counts }: SavedCounts = { start: now(), counts: [] }) {
    this.#start = start;
    this.#counts = new Map(counts);
  }

  get saved(): SavedCounts {
    return { start: this.#start, counts: [...this.#counts] };
  }

  /** @returns what ends it */
  watch(watch: Watch): () => void {
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
    };
  }

  /** The innermost that is under way. */
  get doing(): Doing | undefined {
    return this.#doing;
  }

  /** Something begins: all that comes before its end lies within it. */
  begin(generation: number, isKexec = false): Doing {
    this.#tellSums();
    this.#doing = { ...this.beginAside(generation), isKexec };
    return this.#doing;
  }

  /** Something begins that others need not wait for: nothing lies within it. */
  beginAside(generation: number): Doing {
    const outer = this.#doing;
    const depth = outer === undefined ? 0 : outer.depth + 1;
    return { generation, depth, at: this.#now(), outer, isKexec: false, injected: undefined };
  }

  /**
   * A call is over.
   *
   * @param describe called where somebody watches
   * @param error what it threw, the positive error number that it returned, or a refusal
   */
  endCall(doing: Doing, call: string, describe: () => CallDetails, error?: unknown): void {
    const nth = this.#end(doing, call);
    if (this.#watches.size === 0) return;
    this.#emit({ event: 'call', ...this.#when(doing), call, nth, ...describe(), ...this.#howItWent(doing, error) });
  }

  /** The same for a step. */
  endStep(doing: Doing, step: StepName, describe: () => StepDetails, error?: unknown): void {
    const nth = this.#end(doing, step);
    if (this.#watches.size === 0) return;
    this.#emit({ event: 'step', ...this.#when(doing), step, nth, ...describe(), ...this.#howItWent(doing, error) });
  }

  /** A small step, of which there are many: it is told together with others of its name. */
  add(generation: number, step: StepName, pages: number): void {
    const nth = this.#count(step);
    const sum = this.#sums.get(step);
    if (sum === undefined) {
      this.#sums.set(step, { step, doing: this.beginAside(generation), nth, count: 1, pages });
    } else {
      sum.count += 1;
      sum.pages += pages;
    }
  }

  /** Tells what is neither a call nor a step. */
  tell(event: Told): void {
    this.#tellSums();
    this.#emit({ at: this.#now(), ...event });
  }

  #end(doing: Doing, name: string): number {
    this.#tellSums();
    if (this.#doing === doing) this.#doing = doing.outer;
    return this.#count(name);
  }

  #count(name: string): number {
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    return nth;
  }

  #tellSums(): void {
    for (const { step, doing, nth, count, pages } of this.#sums.values()) {
      this.#emit({ event: 'step', ...this.#when(doing), step, nth, count, pages, microseconds: 0 });
    }
    this.#sums.clear();
  }

  #emit(event: MachineEvent): void {
    for (const watch of this.#watches) watch(event);
  }

  #when({ at, generation, depth }: Doing): Pick<Doing, 'at' | 'generation' | 'depth'> {
    return { at, generation, depth };
  }

  #howItWent(
    { at, injected }: Doing,
    error: unknown,
  ): Pick<CallEvent, 'microseconds' | 'error' | 'reason' | 'injected'> {
    return {
      ...(error === undefined ? {} : describeError(error)),
      microseconds: this.#now() - at,
      ...(injected === undefined ? {} : { injected }),
    };
  }

  #now(): number {
    return Math.round((now() - this.#start) * 1000);
  }
}

/** Milliseconds of a clock that all processes share. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The name of the error that a program sees, and why. */
function describeError(error: unknown): { error: string; reason?: string } {
  if (typeof error === 'number') return { error: errnoName(error) };
  if (error instanceof KernelError) return { error: error.code, reason: error.message };
  if (isRefusal(error)) return { error: errnoName(error.code), reason: error.error.message };
  // A live update that is refused has the number alone.
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return { error: errnoName(error.errno), reason: error.message };
  }
  return { error: 'EIO', reason: describeThrown(error) };
}

function isRefusal(error: unknown): error is Refusal {
  return (
    typeof error === 'object' && error !== null && 'code' in error && 'error' in error && typeof error.code === 'number'
  );
}
