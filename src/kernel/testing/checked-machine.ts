/** The fake machine of most tests: after each test, nothing may be left of any machine that it made. */
import { deepEqual } from 'node:assert/strict';
import { afterEach } from 'node:test';
import { KernelError } from '../error.js';
import { FakeMachine as AnyMachine, type FakeMachineOptions, leftovers as leftoversOf } from './fake-machine.js';

const unchecked = new Set<FakeMachine>();

export type { FakeMachineOptions };

export class FakeMachine extends AnyMachine {
  constructor(options?: FakeMachineOptions) {
    super(options);
    unchecked.add(this);
  }
}

/** As in `fake-machine.ts`, for a test that looks at what is left itself. */
export function leftovers(machine: FakeMachine): string[] {
  unchecked.delete(machine);
  return leftoversOf(machine);
}

afterEach(() => {
  const machines = [...unchecked].filter(({ kernel }) => !kernel.hasEnded);
  unchecked.clear();
  for (const machine of machines) {
    letGo(machine);
    deepEqual(leftoversOf(machine), [], 'something is left of the machine');
  }
});

/** Ends what waits for a program: a live update that was not carried out, and sessions that nobody asked for. */
function letGo(machine: FakeMachine): void {
  const { kernel, task } = machine;
  if (kernel.state().state === 'frozen') kernel.cancelReboot();
  task.closeAll();
  task.limit = 1024;
  try {
    const device = machine.openDevice();
    for (const { name, retrieved } of kernel.state().incoming) if (!retrieved) machine.retrieve(device, name);
  } catch (error) {
    // What the last kernel left cannot be read: then there is nothing to let go of.
    if (!(error instanceof KernelError)) throw error;
  }
}
