import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { SessionFile } from '../kernel/kernel.js';
import { FakeMachine } from '../kernel/testing/fake-machine.js';
import { Remains } from './remains.js';

/** A program has retrieved one file of two, and holds the session. */
function holding(): { machine: FakeMachine; device: number; session: number } {
  const machine = new FakeMachine();
  const first = machine.openDevice();
  const session = machine.create(first, 's');
  for (const token of [1n, 2n]) machine.preserve(session, machine.memfd('text'), token);
  machine.kexec();
  const device = machine.openDevice();
  const again = machine.retrieve(device, 's');
  machine.retrieveFd(again, 1n);
  return { machine, device, session: again };
}

/** Closes the last descriptor of a session, as a machine sees it. */
function close(machine: FakeMachine, fd: number, remains: Remains): void {
  const file = machine.task.fileAt(fd);
  if (!(file instanceof SessionFile)) throw new Error(`Cannot close ${file.description}: it is no session`);
  remains.closed(file.session);
  machine.task.close(fd);
}

const held = { session: 's', retrieved: true, finished: false, notRetrieved: ['2'] };

test('a session that is held until luo ends the programs is left, whenever its descriptor is closed then', () => {
  for (const closes of [false, true]) {
    const { machine, session } = holding();
    const remains = new Remains();
    remains.endBegins();
    if (closes) {
      close(machine, session, remains);
      // As its files are let go of.
      remains.lost('s', 2n);
    }
    deepEqual(remains.report(machine.kernel, 'stop').left, [held]);
  }
});

test('a session that was closed or finished before that is not left, but for what nobody asked for', () => {
  const { machine, session } = holding();
  const remains = new Remains();
  close(machine, session, remains);
  remains.lost('s', 2n);
  remains.endBegins();
  deepEqual(remains.report(machine.kernel, 'stop').left, [{ ...held, finished: true }]);

  const other = holding();
  const others = new Remains();
  others.endBegins();
  other.machine.finish(other.session);
  close(other.machine, other.session, others);
  deepEqual(others.report(other.machine.kernel, 'stop').left, []);
});

test('a session that was closed and made again passes with a kexec, and is lost once without one', () => {
  const { machine, device } = holding();
  const remains = new Remains();
  for (const name of ['twice', 'once']) close(machine, machine.create(device, name), remains);
  machine.create(device, 'twice');
  deepEqual(remains.report(machine.kernel, 'kexec').dropped, ['once']);
  deepEqual(remains.report(machine.kernel, 'stop').dropped, ['twice', 'once']);
});
