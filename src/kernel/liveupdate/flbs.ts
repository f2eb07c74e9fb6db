import { KernelError } from '../error.js';
import type { FlbRecord, OutgoingState } from './abi.js';
import type { Flb, FlbLock } from './flb.js';
import type { FileHandler } from './handler.js';
import { checkCompatible, type FileHandlers, type RegisteredHandler } from './handlers.js';

/** The FLBs of a kernel: which handlers depend on which, and what the last kernel left for them. */
export class Flbs {
  readonly #handlers: FileHandlers;
  readonly #outgoing: OutgoingState;
  readonly #known = new Set<Flb>();
  /** By compatible; undefined after a cold boot. */
  readonly #inherited: ReadonlyMap<string, FlbRecord> | undefined;

  constructor(handlers: FileHandlers, outgoing: OutgoingState, inherited: readonly FlbRecord[] | undefined) {
    this.#handlers = handlers;
    this.#outgoing = outgoing;
    this.#inherited = inherited && new Map(inherited.map((record) => [record.compatible, record]));
  }

  /** Every FLB that a handler depends on, in the order of registration. */
  get all(): Iterable<Flb> {
    return this.#known;
  }

  /** Those that pass to the next kernel. */
  get records(): FlbRecord[] {
    return [...this.#known].flatMap(({ record }) => (record === undefined ? [] : [record]));
  }

  /** The names of what the last kernel left and no handler of this kernel depends on. */
  get orphans(): string[] {
    const names = new Set([...this.#known].map(({ compatible }) => compatible));
    return [...(this.#inherited?.keys() ?? [])].filter((name) => !names.has(name));
  }

  /** A new FLB (`liveupdate_init_flb`). It can ask for what the last kernel left before a handler depends on it. */
  adopt(flb: Flb): void {
    const record = this.#inherited?.get(flb.compatible);
    if (record !== undefined) flb.adopt(record);
  }

  /**
   * Makes a handler depend on an FLB (`liveupdate_register_flb`).
   *
   * @throws KernelError EBUSY once sessions were read; EINVAL for a name that does not fit, and where the handler is
   * not registered; EEXIST where the handler depends on it already, and where another FLB has its name; ENOSPC where
   * the handover has no room for one more, ENOMEM
   */
  register(handler: FileHandler, flb: Flb): void {
    const what = `register the FLB "${flb.compatible}" with the file handler "${handler.compatible}"`;
    this.#handlers.checkOpen(what);
    checkCompatible(flb.compatible, what);
    const registered = this.#handlers.registered(handler);
    if (registered === undefined) throw new KernelError('EINVAL', `Cannot ${what}: the handler is not registered`);
    if (registered.flbs.includes(flb)) throw new KernelError('EEXIST', `Cannot ${what}: it depends on it already`);
    this.#add(flb, what);
    registered.flbs.push(flb);
  }

  /** A handler is gone: what only its files depended on is not known any more. */
  forget({ flbs }: RegisteredHandler): void {
    const used = new Set([...this.#handlers.all].flatMap((handler) => handler.flbs));
    for (const flb of flbs) if (!used.has(flb)) this.#known.delete(flb);
  }

  /** @throws KernelError ENODATA after a cold boot, and as `Flb.lockIncoming` */
  lockIncoming<Shared>(flb: Flb<Shared>): FlbLock<Shared> {
    if (this.#inherited !== undefined) return flb.lockIncoming();
    throw new KernelError('ENODATA', `Cannot retrieve the FLB "${flb.compatible}": no kernel was here before this one`);
  }

  #add(flb: Flb, what: string): void {
    if (this.#known.has(flb)) return;
    for (const { compatible } of this.#known) {
      if (compatible === flb.compatible) throw new KernelError('EEXIST', `Cannot ${what}: there is one of that name`);
    }
    this.#outgoing.reserveFlbs(this.#known.size + 1);
    this.#known.add(flb);
  }
}

/** Told what an FLB refused that had to be done: its state is lost. */
type Lost = (error: KernelError) => void;

/**
 * A file is about to be preserved, in the order in which its handler's FLBs were registered.
 *
 * @throws KernelError of the FLB that could not be preserved; those before it are as they were
 */
export function preserveFlbs(flbs: readonly Flb[], lost: Lost): void {
  const done: Flb[] = [];
  try {
    for (const flb of flbs) {
      flb.filePreserve();
      done.push(flb);
    }
  } catch (error) {
    unpreserveFlbs(done, lost);
    throw error;
  }
}

/** A file was unpreserved: the last FLB first. */
export function unpreserveFlbs(flbs: readonly Flb[], lost: Lost): void {
  eachFromLast(flbs, (flb) => flb.fileUnpreserve(), lost);
}

/** A file was finished: the last FLB first. One that cannot be retrieved to be finished is lost. */
export function finishFlbs(flbs: readonly Flb[], lost: Lost): void {
  eachFromLast(flbs, (flb) => flb.fileFinish(), lost);
}

function eachFromLast(flbs: readonly Flb[], run: (flb: Flb) => void, lost: Lost): void {
  for (const flb of [...flbs].reverse()) {
    try {
      run(flb);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      lost(error);
    }
  }
}
