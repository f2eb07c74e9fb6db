/** What the kernel asks of handlers, FLBs, memory and KHO, as those see it who watch it or make it fail. */
import type { Ledger } from './liveupdate/ledger.js';

interface FileAction {
  readonly kind: 'file';
  /** Its text is the session's name in quotes. */
  readonly session: { readonly bytes: Uint8Array; toString(): string };
  readonly token: bigint;
  readonly compatible: string;
}

interface FlbAction {
  readonly kind: 'flb';
  readonly compatible: string;
}

/**
 * A point at which the world may refuse the kernel something: memory, or what a handler or an FLB is asked to do.
 * Everything that can fail of itself passes one, so that each failure can be brought about.
 */
export type Step =
  | { readonly kind: 'allocate'; readonly pages: number }
  | (FileAction & { readonly callback: 'preserve' | 'freeze' | 'retrieve' | 'can_finish' })
  | (FlbAction & { readonly callback: 'preserve' | 'retrieve' });

/** @throws KernelError where this step is to fail */
export type Visit = (step: Step) => void;

/** What takes something back or lets go of it: nothing can refuse that. */
type Release =
  | (FileAction & { readonly callback: 'unpreserve' | 'unfreeze' })
  | (FileAction & { readonly callback: 'finish'; readonly retrieved: boolean })
  | (FlbAction & { readonly callback: 'unpreserve' | 'finish' });

/** A step of KHO that is not about a single folio. */
interface KhoAction {
  readonly kind: 'kho';
  readonly callback: 'preserve_vmalloc' | 'unpreserve_vmalloc' | 'restore_vmalloc' | 'finalize' | 'abort';
  /** Of the array. */
  readonly pages?: number;
}

/** A step that is more than taking memory. */
type Request = Exclude<Step, { kind: 'allocate' }>;

export type Action = Request | Release | KhoAction;

/** Watches a kernel. It changes nothing. */
export interface Tracer {
  /** Runs an action, and sees how long it takes and what it throws. Actions lie within each other. */
  during<Result>(action: Action, run: () => Result): Result;
  /** KHO has got, given up or taken over a folio of this many pages: as many times as a file has folios. */
  folio(callback: 'preserve_folio' | 'unpreserve_folio' | 'restore_folio', pages: number): void;
}

/** Who makes a kernel fail, and who watches it. */
export interface Onlookers {
  /** Called before each step that can fail, and may make it fail. Without it, nothing fails but what fails of itself. */
  readonly visit?: Visit;
  /** Without it, nothing is watched, and that costs nothing. */
  readonly tracer?: Tracer | undefined;
  /** Without it, what is preserved ends with the process that the kernel runs in. */
  readonly ledger?: Ledger | undefined;
}

/** Takes a step that can fail. @throws KernelError where it is to fail, and what `run` throws */
export function attempt<Result>(onlookers: Onlookers, step: Request, run: () => Result): Result {
  return trace(onlookers.tracer, step, () => {
    onlookers.visit?.(step);
    return run();
  });
}

/** Does what can be watched. */
export function trace<Result>(tracer: Tracer | undefined, action: Action, run: () => Result): Result {
  return tracer === undefined ? run() : tracer.during(action, run);
}
