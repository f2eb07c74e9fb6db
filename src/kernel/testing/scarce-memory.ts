import { deepEqual, equal } from 'node:assert/strict';
import { KernelError } from '../error.js';
import { type FakeMachine, leftovers } from './fake-machine.js';

/**
 * Tries something on machines with more and more RAM, until it works. Where it does not, it must be ENOMEM, and leave
 * nothing.
 *
 * @param fewest the pages of RAM of the first machine
 * @param attempt makes a machine with so many pages, and gives what is to be tried on it
 * @returns how often it did not work
 */
export function refusalsForMemory(
  fewest: number,
  attempt: (pages: number) => { machine: FakeMachine; run: () => void },
): number {
  for (let pages = fewest; ; pages += 1) {
    const { machine, run } = attempt(pages);
    try {
      run();
      deepEqual(leftovers(machine), []);
      return pages - fewest;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      equal(error.code, 'ENOMEM');
      deepEqual(leftovers(machine), []);
    }
  }
}
