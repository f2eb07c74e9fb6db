import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';
import { Kernel } from './kernel.js';
import type { KernelModule } from './module.js';
import { FakeMachine, leftovers } from './testing/checked-machine.js';
import { refused } from './testing/expect.js';
import { FakeHardware } from './testing/fake-hardware.js';
import { pageFrameNumber, physicalAddress } from './units.js';

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a file passes through three live updates`, () => {
    const machine = new FakeMachine({ profile });
    let memory = machine.memfd('hello');
    for (let generation = 1n; generation <= 3n; generation += 1n) {
      const session = machine.create(machine.openDevice(), 'vm');
      machine.preserve(session, memory, 7n);
      machine.host.seek(machine.task.descriptorAt(memory), generation);
      machine.kexec();
      equal(machine.kernel.state().generation, generation);
      const device = machine.openDevice();
      const incoming = machine.retrieve(device, 'vm');
      memory = machine.retrieveFd(incoming, 7n);
      equal(machine.content(memory), 'hello');
      equal(machine.host.position(machine.task.descriptorAt(memory)), generation);
      machine.finish(incoming);
      machine.task.close(incoming);
      machine.task.close(device);
    }
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a reboot that was cancelled changes nothing`, () => {
    const machine = new FakeMachine({ profile });
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    const before = machine.kernel.state();
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    deepEqual(machine.kernel.state(), before);
    machine.preserve(session, machine.memfd('more'), 2n);
    machine.create(device, 'another');
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    equal(machine.content(machine.retrieveFd(incoming, 2n)), 'more');
    equal(machine.content(machine.retrieveFd(incoming, 1n)), 'text');
    machine.kernel.state();
    machine.retrieve(3, 'another');
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session that is closed while all is frozen is closed when the reboot is cancelled`, () => {
    const machine = new FakeMachine({ profile });
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    machine.kernel.reboot();
    machine.task.close(session);
    refused('EBUSY', () => machine.create(device, 'other'));
    equal(machine.kernel.state().outgoing.length, 1);
    machine.kernel.cancelReboot();
    equal(machine.kernel.state().outgoing.length, 0);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session that is closed while all is frozen is handed over all the same`, () => {
    const machine = new FakeMachine({ profile });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    const handover = machine.kernel.reboot();
    machine.task.closeAll();
    machine.kernel.shutdown();
    machine.hardware = machine.hardware.afterKexec();
    machine.boot(handover);
    equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n)), 'text');
    deepEqual(leftovers(machine), []);
  });
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a kernel whose successor cannot boot goes on`, () => {
    const machine = new FakeMachine({ profile });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    const handover = machine.kernel.reboot();
    const bad: KernelModule = {
      name: 'bad',
      init() {
        throw new KernelError('EIO', 'Cannot, as the test wants');
      },
    };
    // It runs on the very RAM, as the machine has no other.
    refused('EIO', () => Kernel.boot(machine.hardware, { profile, modules: [bad] }, handover));
    machine.kernel.cancelReboot();
    machine.preserve(session, machine.memfd('more'), 2n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    deepEqual(
      [1n, 2n].map((token) => machine.content(machine.retrieveFd(incoming, token))),
      ['text', 'more'],
    );
    deepEqual(leftovers(machine), []);
  });
}

test('a kernel goes on whose successor does not read what it left', () => {
  const machine = new FakeMachine();
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('text'), 1n);
  const handover = machine.kernel.reboot();
  refused('EINVAL', () => Kernel.boot(machine.hardware, { profile: 'v5' }, handover));
  machine.kernel.cancelReboot();
  machine.kexec();
  equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n)), 'text');
  deepEqual(leftovers(machine), []);
});

for (const profile of ['linux', 'v5'] as const) {
  for (const read of [true, false]) {
    const when = read ? 'read' : 'not read yet';
    test(`${profile}: what the last kernel left, ${when}, is there after a next kernel that came half-way`, () => {
      const machine = new FakeMachine({ profile });
      const session = machine.create(machine.openDevice(), 'vm');
      machine.preserve(session, machine.memfd('text'), 1n);
      machine.preserve(session, machine.memfd('more'), 2n);
      machine.kexec();
      if (read) machine.kernel.state();
      const handover = machine.kernel.reboot();
      const failing: KernelModule = {
        name: 'failing',
        init() {
          throw new KernelError('EIO', 'Cannot, as the test wants');
        },
      };
      refused('EIO', () => Kernel.boot(machine.hardware, { profile, modules: [failing] }, handover));
      machine.kernel.cancelReboot();
      const incoming = machine.retrieve(machine.openDevice(), 'vm');
      deepEqual(
        [1n, 2n].map((token) => machine.content(machine.retrieveFd(incoming, token))),
        ['text', 'more'],
      );
      machine.finish(incoming);
      deepEqual(leftovers(machine), []);
    });
  }
}

test('a reboot that RAM has no room for changes nothing', () => {
  const machine = new FakeMachine({ pages: 8 });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('text'), 1n);
  refused('ENOMEM', () => machine.kernel.reboot());
  equal(machine.kernel.state().outgoing[0]?.files.length, 1);
  throws(() => machine.kernel.cancelReboot(), /there was none/);
  deepEqual(leftovers(machine), []);
});

test('a kernel that ends without a handover closes every file that it holds', () => {
  const machine = new FakeMachine();
  const device = machine.openDevice();
  machine.preserve(machine.create(device, 'vm'), machine.memfd('text'), 1n);
  machine.endGeneration();
  deepEqual(machine.host.open, []);
  machine.kernel.shutdown();
});

test('a kernel that hands over closes all but what it hands over', () => {
  const machine = new FakeMachine();
  const device = machine.openDevice();
  machine.preserve(machine.create(device, 'vm'), machine.memfd('text'), 1n);
  machine.kernel.hostFile(machine.host.file());
  const { regions } = machine.kernel.reboot();
  machine.endGeneration();
  deepEqual(
    machine.host.open,
    regions.map(({ descriptor }) => descriptor),
  );
});

test('leaks() names what is still held', () => {
  const machine = new FakeMachine();
  const device = machine.openDevice();
  machine.preserve(machine.create(device, 'vm'), machine.memfd('text'), 1n);
  deepEqual(machine.kernel.leaks(), [
    '1 references of the /dev/liveupdate',
    '1 references of the session "vm"',
    '2 references of the host file 101',
    'an outgoing session with 1 files',
    'a region of 1 pages at page 268435456',
    'the frozen or pinned inode 0:1',
    '1 files that count as preserved',
    '4 pages of RAM',
  ]);
});

test('a handover with regions that cannot be is EINVAL, and its descriptors stay with the caller', () => {
  const machine = new FakeMachine();
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  const { root, regions } = machine.kernel.reboot();
  const [region] = regions;
  const bad = [[{ ...region!, start: pageFrameNumber(1) }], [region!, region!], [{ ...region!, pages: 0 }]];
  const before = machine.host.open;
  for (const one of bad) {
    refused('EINVAL', () =>
      Kernel.boot(machine.hardware, { profile: 'linux' }, { root, regions: one, descriptors: [] }),
    );
  }
  deepEqual(machine.host.open, before);
});

test('a handover without a root is EINVAL', () => {
  const hardware = FakeHardware.withPages(16);
  for (const root of [0, 4096, 5, 2 ** 51]) {
    const handover = { root: physicalAddress(root), regions: [], descriptors: [] };
    refused('EINVAL', () => Kernel.boot(hardware, { profile: 'linux' }, handover));
  }
});
