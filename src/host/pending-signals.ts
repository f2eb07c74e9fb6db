/** Signals that have been sent to a thread, and that it has not taken yet. */
import { readFileSync } from 'node:fs';

/**
 * Whose signals wait for a thread that it has not blocked and does not ignore: its own, or those of its process, which any
 * of its threads may take. A thread that is gone is as one that has been killed.
 */
export function pendingSignals(tid: number): 'own' | 'shared' | 'none' {
  try {
    const status = readFileSync(`/proc/${tid}/status`, 'latin1');
    const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
    const heard = ~(mask('SigBlk') | mask('SigIgn'));
    if ((mask('SigPnd') & heard) !== 0n) return 'own';
    return (mask('ShdPnd') & heard) === 0n ? 'none' : 'shared';
  } catch {
    return 'own';
  }
}
