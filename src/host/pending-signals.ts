/** Signals that have been sent to a thread, and that it has not taken yet. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** How a thread's file tells that there are none, which is so nearly always: looking for it takes a microsecond. */
const NONE = Buffer.from('SigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n', 'latin1');

/** So many looks take a few milliseconds. */
const LOOKS = 100;

const text = Buffer.alloc(4096);

/**
 * Whose signals wait for a thread that it has not blocked and does not ignore: its own, or those of its process, which any
 * of its threads may take. A thread that is gone is as one that has been killed.
 */
export function pendingSignals(tid: number): 'own' | 'shared' | 'none' {
  try {
    return signalsIn(readFileSync(`/proc/${tid}/status`, 'latin1'));
  } catch {
    return 'own';
  }
}

/**
 * Does something when a thread has taken the signals that were sent to it, and as soon after a look at them as can be. It
 * is done after a few milliseconds in any case: a signal of the process may be another thread's.
 */
export function whenNoneIsPending<T>(tid: number, action: () => T): T {
  let file: number;
  try {
    file = openSync(`/proc/${tid}/status`, 'r');
  } catch {
    return action();
  }
  try {
    for (let look = 0; look < LOOKS && hasPending(file); look++);
    return action();
  } finally {
    closeSync(file);
  }
}

function hasPending(file: number): boolean {
  try {
    const status = text.subarray(0, readSync(file, text, 0, text.length, 0));
    return status.indexOf(NONE) < 0 && signalsIn(status.toString('latin1')) !== 'none';
  } catch {
    // The thread is gone.
    return false;
  }
}

function signalsIn(status: string): 'own' | 'shared' | 'none' {
  const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const heard = ~(mask('SigBlk') | mask('SigIgn'));
  if ((mask('SigPnd') & heard) !== 0n) return 'own';
  return (mask('ShdPnd') & heard) === 0n ? 'none' : 'shared';
}
