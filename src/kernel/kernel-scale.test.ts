import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMachine, leftovers } from './testing/fake-machine.js';
import { PassingModule } from './testing/passing-module.js';

/** The file tokens of a session that are looked at: the first, the last and some between. */
const sample = (count: number) => Array.from({ length: 10 }, (_, i) => Math.floor(((count - 1) * i) / 9));

test('linux: 10,000 sessions pass through a live update', () => {
  const sessions = 10_000;
  const machine = new FakeMachine({ pages: 1024 });
  machine.task.limit = Number.POSITIVE_INFINITY;
  const device = machine.openDevice();
  for (let i = 0; i < sessions; i += 1) machine.create(device, `session ${i}`);
  machine.kexec();
  machine.task.limit = Number.POSITIVE_INFINITY;
  const after = machine.openDevice();
  equal(machine.kernel.state().incoming.length, sessions);
  for (let i = sessions - 1; i >= 0; i -= 1) machine.finish(machine.retrieve(after, `session ${i}`));
  deepEqual(leftovers(machine), []);
});

test('linux: 100 sessions of 1,000 files each pass through a live update, in their order', () => {
  const [sessions, files] = [100, 1000];
  const machine = new FakeMachine({ pages: 4096, modules: [new PassingModule('shared-v1')] });
  const device = machine.openDevice();
  for (let i = 0; i < sessions; i += 1) {
    const session = machine.create(device, `session ${i}`);
    for (let j = 0; j < files; j += 1) {
      const fd = machine.memfd('', { kind: 'other', position: i * files + j });
      machine.preserve(session, fd, BigInt(j) << 32n);
      machine.task.close(fd);
    }
  }
  machine.kexec();
  ok(machine.kernel.leaks().includes('100000 incoming files that depend on the FLB "shared-v1"'));
  const after = machine.openDevice();
  for (let i = sessions - 1; i >= 0; i -= 1) {
    const session = machine.retrieve(after, `session ${i}`);
    for (const j of sample(files)) {
      const fd = machine.retrieveFd(session, BigInt(j) << 32n);
      equal(machine.host.position(machine.task.descriptorAt(fd)), BigInt(i * files + j));
      machine.task.close(fd);
    }
    machine.finish(session);
  }
  deepEqual(leftovers(machine), []);
});

test('linux: 1,000 memfds of one session pass through a live update', () => {
  const files = 1000;
  const machine = new FakeMachine({ pages: 8192 });
  const session = machine.create(machine.openDevice(), 'vm');
  for (let i = 0; i < files; i += 1) {
    const fd = machine.memfd(`memory ${i}`);
    machine.preserve(session, fd, BigInt(i));
    machine.task.close(fd);
  }
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  for (const i of sample(files)) equal(machine.content(machine.retrieveFd(incoming, BigInt(i))), `memory ${i}`);
  machine.finish(incoming);
  deepEqual(leftovers(machine), []);
});
