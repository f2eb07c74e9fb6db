import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelModule, ModuleKernel } from '../module.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { FakeHost } from '../testing/fake-host.js';
import { PassingModule } from '../testing/passing-module.js';
import { HostFile, OpenFiles } from './file.js';
import { PreservedDescriptors } from './preserved-descriptors.js';

function table() {
  const host = new FakeHost();
  const files = new OpenFiles();
  return { host, files, descriptors: new PreservedDescriptors() };
}

test('a preserved file is held, and each time that it is preserved is an entry of its own', () => {
  const { host, files, descriptors } = table();
  const file = new HostFile(files, host, host.file());
  const entries = [descriptors.preserve(file), descriptors.preserve(file)];
  deepEqual(entries, [1n, 2n]);
  equal(file.references, 3);
  deepEqual(
    descriptors.outgoing,
    entries.map((entry) => ({ entry, descriptor: file.descriptor })),
  );
  for (const entry of entries) descriptors.unpreserve(entry);
  equal(file.references, 1);
  equal(descriptors.size, 0);
});

test('to unpreserve what is not preserved is a bug of whoever does', () => {
  const { host, files, descriptors } = table();
  const entry = descriptors.preserve(new HostFile(files, host, host.file()));
  descriptors.unpreserve(entry);
  throws(() => descriptors.unpreserve(entry), /Cannot unpreserve descriptor 1: it is not preserved/);
});

test('a file that was handed over is restored once: EINVAL then, and for a number that is not there', () => {
  const { host, files, descriptors } = table();
  descriptors.adopt([{ entry: 7n, file: new HostFile(files, host, host.file()) }]);
  match(refused('EINVAL', () => descriptors.restore(1n)).message, /^Cannot restore descriptor 1: /);
  const file = descriptors.restore(7n);
  equal(file.references, 1);
  refused('EINVAL', () => descriptors.restore(7n));
  file.put();
  deepEqual(host.open, []);
});

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a file of another kind passes as it is, with the position that its programs share`, () => {
    const machine = new FakeMachine({ profile, modules: [new PassingModule()] });
    const fd = machine.memfd('text', { kind: 'other' });
    const { inode } = machine.host.status(machine.task.descriptorAt(fd));
    machine.preserve(machine.create(machine.openDevice(), 'vm'), fd, 1n);
    machine.host.seek(machine.task.descriptorAt(fd), 3n);
    machine.kexec();
    const restored = machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n);
    const descriptor = machine.task.descriptorAt(restored);
    equal(machine.host.status(descriptor).inode, inode);
    equal(machine.host.position(descriptor), 3n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: what nobody restores is a leak, and is closed when the kernel ends`, () => {
    const machine = new FakeMachine({ profile, modules: [new PassingModule()] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('', { kind: 'other' }), 1n);
    machine.kexec();
    deepEqual(
      machine.kernel.leaks().filter((leak) => leak.includes('descriptors')),
      ['1 descriptors of the host that are handed over'],
    );
    machine.endGeneration();
    deepEqual(machine.host.open, []);
  });

  test(`${profile}: what was restored is not handed over again, unless it is preserved again`, () => {
    const machine = new FakeMachine({ profile, modules: [new PassingModule()] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('', { kind: 'other' }), 1n);
    machine.kexec();
    machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n);
    deepEqual(machine.kernel.reboot().descriptors, []);
    machine.kernel.cancelReboot();
    deepEqual(leftovers(machine), []);
  });
}

test('a descriptor that is handed over twice, and as memory too, is closed once, after all are let go of', () => {
  let kernel: ModuleKernel | undefined;
  const module: KernelModule = {
    name: 'twice',
    init: (one) => {
      kernel = one;
    },
  };
  const machine = new FakeMachine({ modules: [module] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  const handover = machine.kernel.reboot();
  const { descriptor } = handover.regions[0]!;
  machine.endGeneration();
  machine.hardware = machine.hardware.afterKexec();
  machine.boot({ ...handover, descriptors: [1n, 2n].map((entry) => ({ entry, descriptor })) });
  for (const entry of [1n, 2n]) kernel?.descriptors.restore(entry).put();
  equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n)), 'text');
  deepEqual(leftovers(machine), []);
});
