/**
 * File-Lifecycle-Bound objects: state that several files depend on, preserved with the first of them and let go of
 * with the last (patch 10 of the v5 series).
 */
import { KernelError } from '../error.js';
import type { Hardware } from '../hardware.js';
import { attempt, type Onlookers, trace } from '../step.js';
import { checkHandle, type FlbRecord } from './abi.js';

/** What an object is in the kernel that preserves it. */
export interface PreservedObject<Shared> {
  /** The handle that finds the object's state in the next kernel. */
  readonly data: bigint;
  readonly object: Shared;
}

/**
 * The callbacks of an FLB (`struct liveupdate_flb_ops`). The object is locked while they run: asking for it there is
 * EDEADLK.
 */
export interface FlbOperations<Shared> {
  /** What the next kernel knows the object by: 1 to 47 printable ASCII characters. */
  readonly compatible: string;
  /**
   * Saves the shared state, before the first file that depends on it is preserved.
   *
   * @throws KernelError where it cannot; the file is not preserved then
   */
  preserve(): PreservedObject<Shared>;
  /** Undoes `preserve`, after the last file that depends on it was unpreserved. */
  unpreserve(preserved: PreservedObject<Shared>): void;
  /**
   * Makes the object again, in the next kernel, when it is first asked for.
   *
   * @throws KernelError where it cannot; it is called again when the object is asked for again
   */
  retrieve(call: { readonly data: bigint }): Shared;
  /** Lets go of the state, after the last file that depends on it was finished. */
  finish(call: { readonly object: Shared }): void;
}

/** An object that is locked until the scope ends: `using lock = flbIncoming(flb)`. */
export class FlbLock<Shared> implements Disposable {
  readonly #slot: Slot<Shared>;

  constructor(slot: Slot<Shared>) {
    this.#slot = slot;
  }

  get object(): Shared {
    return this.#held().object;
  }

  /** Puts another object in its place, which later calls get. */
  set object(object: Shared) {
    this.#held().object = object;
  }

  /** Giving it back once more does nothing. */
  [Symbol.dispose](): void {
    if (this.#slot.holder === this) this.#slot.holder = undefined;
  }

  #held(): { object: Shared } {
    if (this.#slot.holder === this && this.#slot.live !== undefined) return this.#slot.live;
    throw new Error('Cannot reach an FLB object through a lock that was given back');
  }
}

/** One direction of an FLB: to the next kernel, or from the last one (`struct luo_flb_state`). */
interface Slot<Shared> {
  /** The files that depend on it. */
  count: bigint;
  data: bigint;
  /** The object, once it is there. */
  live: { object: Shared } | undefined;
  /** The lock that is held, or the FLB itself while a callback runs. */
  holder: object | undefined;
}

/** An FLB of one kernel (`struct liveupdate_flb`). */
export class Flb<Shared = unknown> {
  readonly #operations: FlbOperations<Shared>;
  readonly #onlookers: Onlookers;
  readonly #log: Hardware['log'];
  readonly #outgoing: Slot<Shared> = emptySlot();
  readonly #incoming: Slot<Shared> = emptySlot();

  /** Kernels make them: `initFlb`. */
  constructor(operations: FlbOperations<Shared>, onlookers: Onlookers, log: Hardware['log']) {
    this.#operations = operations;
    this.#onlookers = onlookers;
    this.#log = log;
  }

  get compatible(): string {
    return this.#operations.compatible;
  }

  /** What passes to the next kernel; undefined where no preserved file depends on it. */
  get record(): FlbRecord | undefined {
    const { count, data } = this.#outgoing;
    return count === 0n ? undefined : { compatible: this.compatible, data, count };
  }

  /** How many files that the last kernel preserved are not finished. */
  get incomingCount(): bigint {
    return this.#incoming.count;
  }

  /** What the last kernel left for it. */
  adopt({ data, count }: FlbRecord): void {
    this.#incoming.data = data;
    this.#incoming.count = count;
  }

  /** One more file is about to be preserved. @throws KernelError of `preserve`; nothing has changed then */
  filePreserve(): void {
    const slot = this.#outgoing;
    if (slot.count === 0n) {
      const { data, object } = attempt(this.#onlookers, this.#step('preserve'), () =>
        this.#locked(slot, () => this.#preserve()),
      );
      slot.data = data;
      slot.live = { object };
    }
    slot.count += 1n;
  }

  /** A file was unpreserved. */
  fileUnpreserve(): void {
    const slot = this.#outgoing;
    slot.count -= 1n;
    const { data, live } = slot;
    if (slot.count > 0n || live === undefined) return;
    this.#breakLock(slot);
    try {
      trace(this.#onlookers.tracer, this.#step('unpreserve'), () =>
        this.#locked(slot, () => this.#operations.unpreserve({ data, object: live.object })),
      );
    } finally {
      Object.assign(slot, emptySlot());
    }
  }

  /**
   * A file that the last kernel preserved was finished. The last one retrieves the object where nobody did before, so
   * that there is something to finish.
   *
   * @throws KernelError of `retrieve`: the state is lost then
   */
  fileFinish(): void {
    const slot = this.#incoming;
    if (slot.count !== 1n) {
      // None at all where the last kernel knew nothing of this object, or had no handler that depends on it.
      if (slot.count > 1n) slot.count -= 1n;
      return;
    }
    this.#breakLock(slot);
    try {
      const { object } = this.#retrieved();
      trace(this.#onlookers.tracer, this.#step('finish'), () =>
        this.#locked(slot, () => this.#operations.finish({ object })),
      );
    } finally {
      Object.assign(slot, emptySlot());
    }
  }

  /** @throws KernelError ENOENT where no preserved file depends on it, EDEADLK while it is locked */
  lockOutgoing(): FlbLock<Shared> {
    this.#checkUnlocked(this.#outgoing);
    if (this.#outgoing.live === undefined) {
      throw new KernelError('ENOENT', `Cannot lock the FLB "${this.compatible}": no preserved file depends on it`);
    }
    return this.#lock(this.#outgoing);
  }

  /** @throws KernelError ENOENT where the last kernel left none or its last file is finished, EDEADLK, of `retrieve` */
  lockIncoming(): FlbLock<Shared> {
    this.#retrieved();
    return this.#lock(this.#incoming);
  }

  #preserve(): PreservedObject<Shared> {
    const preserved = this.#operations.preserve();
    try {
      checkHandle(preserved.data, `the FLB "${this.compatible}"`);
    } catch (error) {
      this.#operations.unpreserve(preserved);
      throw error;
    }
    return preserved;
  }

  #retrieved(): { object: Shared } {
    const slot = this.#incoming;
    if (slot.live !== undefined) return slot.live;
    if (slot.count === 0n) {
      throw new KernelError('ENOENT', `Cannot retrieve the FLB "${this.compatible}": the last kernel left none`);
    }
    const object = attempt(this.#onlookers, this.#step('retrieve'), () =>
      this.#locked(slot, () => this.#operations.retrieve({ data: slot.data })),
    );
    slot.live = { object };
    return slot.live;
  }

  #lock(slot: Slot<Shared>): FlbLock<Shared> {
    this.#checkUnlocked(slot);
    const lock = new FlbLock(slot);
    slot.holder = lock;
    return lock;
  }

  #step<Callback extends string>(callback: Callback) {
    return { kind: 'flb', callback, compatible: this.compatible } as const;
  }

  /** The last file goes, outside of any callback: whoever has the lock still has forgotten it. */
  #breakLock(slot: Slot<Shared>): void {
    if (slot.holder === undefined || slot.holder === this) return;
    slot.holder = undefined;
    this.#log('warning', `The lock of the FLB "${this.compatible}" was not given back, and its last file is gone`);
  }

  #locked<Result>(slot: Slot<Shared>, run: () => Result): Result {
    this.#checkUnlocked(slot);
    slot.holder = this;
    try {
      return run();
    } finally {
      slot.holder = undefined;
    }
  }

  #checkUnlocked(slot: Slot<Shared>): void {
    if (slot.holder === undefined) return;
    throw new KernelError('EDEADLK', `Cannot lock the FLB "${this.compatible}": it is locked by the same call`);
  }
}

function emptySlot<Shared>(): Slot<Shared> {
  return { count: 0n, data: 0n, live: undefined, holder: undefined };
}
