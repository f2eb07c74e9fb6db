import { pendingSignals } from '../../host/pending-signals.js';
import type { Listener, Notification } from '../../host/seccomp.js';
import { KernelError } from '../../kernel/error.js';
import type { After } from './hardware-clock.js';

/** A call of a program that waits for something to happen to a serial port. */
export interface WaitingCall {
  readonly call: Notification;
  readonly listener: Listener;
  /** What it returns, or undefined for as long as it waits. @throws KernelError where it fails */
  attempt(): number | undefined;
  /** Gives the program what `attempt` returned. */
  answer(result: number): void;
  /** Nobody waits any more: a signal has come, or the program is gone. */
  giveUp(): void;
}

/** How often a signal is looked for, in milliseconds: nothing tells of it. */
const LOOK = 20;

/** What a call returns that a signal interrupts: Linux makes EINTR of it, or starts it again, as the program wants. */
const ERESTARTSYS = 512;

export class WaitingCalls {
  readonly #after: After;
  readonly #calls = new Set<WaitingCall>();
  /** Calls whose process had a signal at the last look that any of its threads may take. */
  readonly #signalled = new Set<WaitingCall>();
  #isLooking = false;
  #isAttempting = false;
  #isStale = false;

  constructor(after: After) {
    this.#after = after;
  }

  add(call: WaitingCall): void {
    this.#calls.add(call);
    this.#look();
  }

  /** Something has happened to a port. */
  attempt(): void {
    this.#isStale = true;
    // What one of them does may be what another waits for.
    if (this.#isAttempting) return;
    this.#isAttempting = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        for (const waiting of [...this.#calls]) this.#attemptOne(waiting);
      }
    } finally {
      this.#isAttempting = false;
    }
  }

  /** The machine ends: the last of its programs are gone. */
  giveUp(): void {
    for (const waiting of [...this.#calls]) {
      this.#remove(waiting);
      waiting.giveUp();
    }
  }

  /** The generation is over, and with it what was waited for. */
  clear(): void {
    this.#calls.clear();
    this.#signalled.clear();
  }

  #attemptOne(waiting: WaitingCall): void {
    // It may have ended by what the one before it did.
    if (!this.#calls.has(waiting)) return;
    if (!waiting.listener.isValid(waiting.call.id)) {
      this.#remove(waiting);
      waiting.giveUp();
      return;
    }
    const result = resultOf(waiting);
    if (result === undefined) return;
    this.#remove(waiting);
    waiting.answer(result);
  }

  #look(): void {
    if (this.#isLooking || this.#calls.size === 0) return;
    this.#isLooking = true;
    this.#after(LOOK, () => {
      this.#isLooking = false;
      for (const waiting of [...this.#calls]) this.#lookAt(waiting);
      this.#look();
    });
  }

  #lookAt(waiting: WaitingCall): void {
    const { call, listener } = waiting;
    const isThere = listener.isValid(call.id);
    if (isThere && !this.#isInterrupted(waiting)) return;
    this.#remove(waiting);
    waiting.giveUp();
    if (isThere) listener.respond(call.id, -ERESTARTSYS);
  }

  /** A signal that another thread may take is left to it: without a signal, the number above would reach the program. */
  #isInterrupted(waiting: WaitingCall): boolean {
    const signals = pendingSignals(waiting.call.tid);
    if (signals === 'own' || (signals === 'shared' && this.#signalled.has(waiting))) return true;
    if (signals === 'shared') this.#signalled.add(waiting);
    else this.#signalled.delete(waiting);
    return false;
  }

  #remove(waiting: WaitingCall): void {
    this.#calls.delete(waiting);
    this.#signalled.delete(waiting);
  }
}

function resultOf(waiting: WaitingCall): number | undefined {
  try {
    return waiting.attempt();
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
}
