import { readFileSync } from 'node:fs';
import { descendants } from '../machine/process-tree.js';
import { eventually } from './luo.js';

/** The launchers below this process, and whether they have their filter: those that have no more to do than to wait. */
export function launchers(): Array<{ pid: number; isReady: boolean }> {
  return descendants(process.pid).flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('launcher-main')) return [];
      return [{ pid, isReady: /^Seccomp:\s+2/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')) }];
    } catch {
      // It has just ended.
      return [];
    }
  });
}

/** A launcher that has its filter, or has not yet. */
export function launcher(isReady: boolean): Promise<number> {
  return eventually('there is a launcher', () => launchers().find((one) => one.isReady === isReady)?.pid);
}
