import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMachine, type FakeMachineOptions, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import type { FakeFileOptions } from '../testing/fake-host.js';
import { type PassedKind, passedKinds } from './passed-kinds.js';

/** One file of each kind. */
const files: Readonly<Record<PassedKind, FakeFileOptions>> = {
  sockets: { kind: 'other', type: 'socket', link: 'socket:[7]' },
  pipes: { kind: 'other', type: 'pipe', link: 'pipe:[7]' },
  eventfds: { kind: 'other', type: 'other', link: 'anon_inode:[eventfd]' },
  timerfds: { kind: 'other', type: 'other', link: 'anon_inode:[timerfd]' },
  files: { kind: 'other', type: 'regular', link: '/home/file', links: 1, size: 3 },
};

function withKinds(options: FakeMachineOptions = {}) {
  const machine = new FakeMachine({ preserve: passedKinds, ...options });
  return { machine, session: machine.create(machine.openDevice(), 'vm') };
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: each kind passes as the very open file, under a name of its own`, () => {
    const { machine, session } = withKinds({ profile });
    const inodes = passedKinds.map((kind, token) => {
      const fd = machine.memfd('', files[kind]);
      machine.preserve(session, fd, BigInt(token));
      machine.host.seek(machine.task.descriptorAt(fd), 2n);
      return machine.host.status(machine.task.descriptorAt(fd)).inode;
    });
    deepEqual(
      machine.kernel.state().outgoing[0]?.files.map(({ compatible, size }) => ({ compatible, size })),
      [
        ...['socket-v1', 'pipe-v1', 'eventfd-v1', 'timerfd-v1'].map((compatible) => ({ compatible, size: undefined })),
        { compatible: 'file-v1', size: 3n },
      ],
    );
    machine.kexec();
    deepEqual(
      machine.kernel.state().incoming[0]?.files.map(({ size }) => size),
      [undefined, undefined, undefined, undefined, 3n],
    );
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    for (const [token, inode] of inodes.entries()) {
      const descriptor = machine.task.descriptorAt(machine.retrieveFd(incoming, BigInt(token)));
      equal(machine.host.status(descriptor).inode, inode);
      equal(machine.host.position(descriptor), 2n);
    }
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: an open file that has two descriptors is one file; two opens of it are two`, () => {
    const { machine, session } = withKinds({ profile });
    const fd = machine.memfd('', files.files);
    machine.preserve(session, fd, 1n);
    machine.preserve(session, machine.task.open(machine.host.reopen(machine.task.descriptorAt(fd), 0n)), 2n);
    const again = () => machine.preserve(session, machine.task.dup(fd), 3n);
    if (profile === 'linux') refused('EBUSY', again);
    else again();
    machine.kexec();
    const device = machine.openDevice();
    const incoming = machine.retrieve(device, 'vm');
    const retrieved = machine.retrieveFd(incoming, 1n);
    const next = machine.create(device, 'next');
    if (profile === 'linux') refused('EBUSY', () => machine.preserve(next, machine.task.dup(retrieved), 1n));
    machine.finish(incoming);
    machine.preserve(next, machine.task.dup(retrieved), 1n);
    deepEqual(leftovers(machine), []);
  });
}

test('v5: an open file with two tokens comes back under either of them, as one', () => {
  const { machine, session } = withKinds({ profile: 'v5' });
  const fd = machine.memfd('', files.sockets);
  for (const token of [1n, 2n]) machine.preserve(session, fd, token);
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  const [one, other] = [1n, 2n].map((token) => machine.task.descriptorAt(machine.retrieveFd(incoming, token)));
  equal(machine.host.isSameFile(one!, other!), true);
  deepEqual(leftovers(machine), []);
});
test('what is closed before the kexec does not pass, and nothing is left of it', () => {
  const { machine, session } = withKinds();
  machine.preserve(session, machine.memfd('', files.sockets), 1n);
  machine.task.close(session);
  deepEqual(machine.kernel.reboot().descriptors, []);
  machine.kernel.cancelReboot();
  deepEqual(leftovers(machine), []);
});

test('what nobody asks for is closed when its session is finished, or else when the next kernel ends', () => {
  for (const finishes of [true, false]) {
    const { machine, session } = withKinds();
    for (const [token, kind] of passedKinds.entries()) {
      machine.preserve(session, machine.memfd('', files[kind]), BigInt(token));
    }
    machine.kexec();
    equal(machine.host.open.length, passedKinds.length);
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    if (finishes) machine.finish(incoming);
    else machine.endGeneration();
    deepEqual(machine.host.open, []);
  }
});

test('a next kernel that does not preserve the kind is refused before anything is frozen, and all goes on', () => {
  const { machine, session } = withKinds();
  machine.preserve(session, machine.memfd('', files.sockets), 1n);
  machine.kernel.checkNext({ profile: 'linux', preserve: ['pipes', 'sockets'] });
  const { message } = refused('ENOENT', () => machine.kernel.checkNext({ profile: 'linux', preserve: ['pipes'] }));
  match(message, /the next kernel has no file handler "socket-v1"; start it with what this one was started with$/);
  equal(machine.kernel.state().state, 'prepared');
  machine.preserve(session, machine.memfd('', files.pipes), 2n);
});

test('what no handler takes is named, with what would take it', () => {
  for (const [options, reason] of [
    [files.sockets, 'socket:[7]; luo run --preserve sockets has one'],
    [files.files, '/home/file; luo run --preserve files has one'],
    [{ kind: 'hugetlb', link: '/memfd:a (deleted)' }, '/memfd:a (deleted); luo run --preserve hugetlb has one'],
    [{ kind: 'other', link: 'anon_inode:[eventpoll]' }, 'anon_inode:[eventpoll]'],
    [{ kind: 'other', type: 'regular', link: 'anon_inode:[pidfd]', links: 1 }, 'anon_inode:[pidfd]'],
    [{ kind: 'other', type: 'regular', link: 'net:[4026531840]', links: 1 }, 'net:[4026531840]'],
  ] as const) {
    const machine = new FakeMachine({ preserve: ['pipes'] });
    const session = machine.create(machine.openDevice(), 'vm');
    const { message } = refused('ENOENT', () => machine.preserve(session, machine.memfd('', options), 1n));
    equal(message.replace(/^.*?: /, ''), `no handler preserves a file of this kind: ${reason}`);
  }
});

test('memory without a name is that of other handlers, and a file of a tmpfs that has one is a file', () => {
  const { machine, session } = withKinds();
  machine.preserve(session, machine.memfd('', {}), 1n);
  machine.preserve(session, machine.memfd('', { links: 1, link: '/dev/shm/a' }), 2n);
  refused('ENOENT', () => machine.preserve(session, machine.memfd('', { kind: 'hugetlb' }), 3n));
  deepEqual(
    machine.kernel.state().outgoing[0]?.files.map(({ compatible }) => compatible),
    ['memfd-v2', 'file-v1'],
  );
});

test('an entry that the last kernel did not leave is EINVAL, and the rest of the session can be had', () => {
  const { machine, session } = withKinds();
  for (const token of [1n, 2n]) machine.preserve(session, machine.memfd('', files.files), token);
  const handover = machine.kernel.reboot();
  machine.endGeneration();
  machine.hardware = machine.hardware.afterKexec();
  const [lost, left] = handover.descriptors;
  machine.host.close(lost!.descriptor);
  machine.boot({ ...handover, descriptors: [left!] });
  deepEqual(
    machine.kernel.state().incoming[0]?.files.map(({ size }) => size),
    [undefined, 3n],
  );
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  refused('EINVAL', () => machine.retrieveFd(incoming, 1n));
  machine.retrieveFd(incoming, 2n);
  machine.finish(incoming);
  deepEqual(leftovers(machine), []);
});
