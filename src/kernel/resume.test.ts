import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';
import type { Descriptor } from './hardware.js';
import type { Kernel, SavedKernel } from './kernel.js';
import { resumeKernel } from './resume.js';
import { FakeMachine, leftovers } from './testing/checked-machine.js';
import { refused } from './testing/expect.js';
import { FakeHandler, handlerModule } from './testing/fake-handler.js';
import { FakeHardware } from './testing/fake-hardware.js';
import { FakeTask } from './testing/fake-task.js';

/** As another process has them: the same open files, and nothing else of the kernel that saved them. */
function inherited(saved: SavedKernel, machine: FakeMachine): SavedKernel {
  const copy = <Saved extends { readonly descriptor: Descriptor }>(file: Saved): Saved => ({
    ...file,
    descriptor: machine.host.duplicate(file.descriptor),
  });
  return {
    ...saved,
    sessions: saved.sessions.map((session) => ({
      ...session,
      outgoing: session.outgoing.map(copy),
      incoming: session.incoming.map(copy),
    })),
  };
}

/**
 * The same program on another kernel, on other RAM: it has the device, the sessions of these names at the numbers after
 * that, and files as before.
 */
function resumed(machine: FakeMachine, profile: 'linux' | 'v5', names: readonly string[], files: readonly number[]) {
  const saved = inherited(machine.kernel.save(), machine);
  const descriptors = files.map((fd) => machine.host.duplicate(machine.task.descriptorAt(fd)));
  machine.task.closeAll();
  machine.kernel.shutdown();
  machine.hardware = new FakeHardware(new Uint8Array(machine.hardware.ram.length), machine.host);
  machine.kernel = resumeKernel(machine.hardware, { profile }, saved, (descriptor) =>
    machine.host.duplicate(descriptor),
  );
  machine.task = new FakeTask(machine.kernel, machine.host);
  const device = machine.openDevice();
  const sessions = names.map((text) => {
    const { type, name } = named(saved, text);
    return installed(machine, machine.kernel, { type, name });
  });
  return { device, sessions, files: descriptors.map((descriptor) => machine.task.open(descriptor)) };
}

function named({ sessions }: SavedKernel, text: string) {
  return sessions.find(({ name }) => new TextDecoder().decode(name) === text)!;
}

function installed(machine: FakeMachine, kernel: Kernel, session: Parameters<Kernel['openSession']>[0]): number {
  const file = kernel.openSession(session);
  const fd = machine.task.install(file);
  file.put();
  return fd;
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a kernel that takes the place of another one has its sessions`, () => {
    const machine = new FakeMachine({ profile });
    const before = machine.create(machine.openDevice(), 'vm');
    machine.preserve(before, machine.memfd('one'), 1n);
    machine.preserve(before, machine.memfd('two'), 2n);
    const state = machine.kernel.state();
    const { device, sessions } = resumed(machine, profile, ['vm'], []);
    deepEqual(machine.kernel.state(), state);
    refused('EBUSY', () => machine.openDevice());
    refused('EEXIST', () => machine.create(device, 'vm'));
    machine.preserve(sessions[0]!, machine.memfd('three'), 3n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    deepEqual(
      [1n, 2n, 3n].map((token) => machine.content(machine.retrieveFd(incoming, token))),
      ['one', 'two', 'three'],
    );
    equal(machine.kernel.state().generation, 1n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: it has what the last kernel left, as far as programs had come with it`, () => {
    const machine = new FakeMachine({ profile });
    const device = machine.openDevice();
    for (const name of ['open', 'finished', 'waiting']) {
      const session = machine.create(device, name);
      machine.preserve(session, machine.memfd(`${name} 1`), 1n);
      machine.preserve(session, machine.memfd(`${name} 2`), 2n);
    }
    machine.kexec();
    const next = machine.openDevice();
    const open = machine.retrieve(next, 'open');
    const file = machine.retrieveFd(open, 1n);
    machine.finish(machine.retrieve(next, 'finished'));
    machine.host.seek(machine.task.descriptorAt(file), 5n);
    const state = machine.kernel.state();

    const after = resumed(machine, profile, ['open', 'finished'], [file]);
    deepEqual(machine.kernel.state(), state);
    // The very open file that the program has.
    const again = machine.retrieveFd(after.sessions[0]!, 1n);
    equal(machine.host.position(machine.task.descriptorAt(again)), 5n);
    machine.host.seek(machine.task.descriptorAt(again), 6n);
    equal(machine.host.position(machine.task.descriptorAt(after.files[0]!)), 6n);
    equal(machine.content(machine.retrieveFd(after.sessions[0]!, 2n)), 'open 2');
    refused('EINVAL', () => machine.retrieve(after.device, 'open'));
    refused('EINVAL', () => machine.retrieve(after.device, 'finished'));
    machine.finish(after.sessions[0]!);
    const waiting = machine.retrieve(after.device, 'waiting');
    equal(machine.content(machine.retrieveFd(waiting, 2n)), 'waiting 2');
    machine.finish(waiting);
    machine.task.closeAll();
    equal(machine.kernel.state().generation, 1n);
    equal(machine.kernel.state().incoming.length, 0);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: it counts the live updates that came before, where none of them left anything`, () => {
    const machine = new FakeMachine({ profile });
    machine.kexec();
    machine.kexec();
    resumed(machine, profile, [], []);
    equal(machine.kernel.state().generation, 2n);
    machine.kexec();
    equal(machine.kernel.state().generation, 3n);
    deepEqual(leftovers(machine), []);
  });
}

test('v5: one open file in several sessions is in all of them', () => {
  const machine = new FakeMachine({ profile: 'v5' });
  const device = machine.openDevice();
  const file = machine.memfd('text');
  for (const name of ['a', 'b']) machine.preserve(machine.create(device, name), file, 1n);
  const { sessions } = resumed(machine, 'v5', ['a', 'b'], []);
  machine.task.close(sessions[0]!);
  machine.kexec();
  const session = machine.retrieve(machine.openDevice(), 'b');
  const retrieved = machine.retrieveFd(session, 1n);
  machine.preserve(machine.create(3, 'c'), retrieved, 1n);
  const after = resumed(machine, 'v5', ['b', 'c'], [retrieved]);
  equal(machine.content(machine.retrieveFd(after.sessions[0]!, 1n)), 'text');
  machine.finish(after.sessions[0]!);
  machine.kexec();
  equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'c'), 1n)), 'text');
  deepEqual(leftovers(machine), []);
});

test('a retrieve that has failed fails again, with the same error', () => {
  const machine = new FakeMachine();
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  machine.kexec();
  const session = machine.retrieve(machine.openDevice(), 'vm');
  machine.host.failNext('reopen', new KernelError('EIO', 'Cannot open a file'));
  refused('EIO', () => machine.retrieveFd(session, 1n));
  refused('EIO', () => machine.retrieveFd(session, 1n));
  const { sessions } = resumed(machine, 'linux', ['vm'], []);
  refused('EIO', () => machine.retrieveFd(sessions[0]!, 1n));
  machine.finish(sessions[0]!);
  deepEqual(leftovers(machine), []);
});

test('a session that a program has frozen is frozen', () => {
  const machine = new FakeMachine({ extend: true });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('text'), 1n);
  machine.setEvent(session, 'freeze');
  const { sessions } = resumed(machine, 'linux', ['vm'], []);
  refused('EBUSY', () => machine.preserve(sessions[0]!, machine.memfd('more'), 2n));
  deepEqual(leftovers(machine), []);
});

test('a file whose handler does not say that it can go on stays where it is', () => {
  const other = () => machine.host.file({ kind: 'other' });
  const handler = new FakeHandler(
    () => machine.host,
    () => machine.kernel.hostFile(other()),
  );
  const machine: FakeMachine = new FakeMachine({ modules: [handlerModule(handler)] });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.task.open(other()), 1n);
  const preserved = machine.kernel.state();
  refused('EOPNOTSUPP', () => machine.kernel.save());
  deepEqual(machine.kernel.state(), preserved);
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  refused('EOPNOTSUPP', () => machine.kernel.save());
  machine.retrieveFd(incoming, 1n);
  refused('EOPNOTSUPP', () => machine.kernel.save());
  machine.finish(incoming);
  equal(machine.kernel.save().sessions.length, 1);
});
