import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import { refused } from '../testing/expect.js';
import { FakeHandler } from '../testing/fake-handler.js';
import { FakeMachine, leftovers } from '../testing/fake-machine.js';
import { FileHandlers } from './handler.js';

/** A machine whose kernels take files of kind `other` with a handler that writes everything down. */
function withHandler(profile: 'linux' | 'v5' = 'linux', compatible = 'fake-v1') {
  let machine: FakeMachine;
  const restore = (): File => machine.kernel.hostFile(machine.host.file({ kind: 'other' }));
  // The host is there only once the machine is; the handler asks for it later.
  const handler = new FakeHandler(() => machine.host, restore, compatible);
  machine = new FakeMachine({ profile, handlers: [handler] });
  const session = (name: string, device: number, ...tokens: bigint[]) => {
    const fd = machine.create(device, name);
    for (const token of tokens) machine.preserve(fd, machine.memfd('', { kind: 'other' }), token);
    return fd;
  };
  return { machine, handler, session };
}

const failure = new KernelError('EAGAIN', 'Cannot, as the test wants');

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: files are preserved and frozen in their order, and let go of from the last to the first`, () => {
    const { machine, handler, session } = withHandler(profile);
    const device = machine.openDevice();
    const first = session('first', device, 10n, 11n);
    session('second', device, 10n);
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    machine.task.close(first);
    deepEqual(handler.calls, [
      ...['preserve 1', 'preserve 2', 'preserve 3', 'freeze 1', 'freeze 2', 'freeze 3'],
      ...['unfreeze 3', 'unfreeze 2', 'unfreeze 1', 'unpreserve 2', 'unpreserve 1'],
    ]);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a freeze that fails is undone in the reverse order, and can be tried again`, () => {
    const { machine, handler, session } = withHandler(profile);
    const device = machine.openDevice();
    session('first', device, 10n, 11n);
    session('second', device, 12n, 0x1an, 14n);
    handler.failures.set('freeze 4', failure);
    handler.calls.length = 0;
    throws(() => machine.kernel.reboot(), failure);
    deepEqual(handler.calls, [
      ...['freeze 1', 'freeze 2', 'freeze 3', 'freeze 4'],
      ...['unfreeze 3', 'unfreeze 2', 'unfreeze 1'],
    ]);
    match(machine.hardware.messages[0] ?? '', /Cannot freeze token 0x1a in session "second"/);
    equal(machine.kernel.state().outgoing[1]?.files.length, 3);
    handler.failures.clear();
    machine.kexec();
    const after = machine.openDevice();
    machine.retrieve(after, 'first');
    const incoming = machine.retrieve(after, 'second');
    handler.calls.length = 0;
    machine.retrieveFd(incoming, 0x1an);
    deepEqual(handler.calls, ['retrieve 4']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session is finished from the last file to the first, once each of them can be`, () => {
    const { machine, handler, session } = withHandler(profile);
    session('vm', machine.openDevice(), 10n, 11n, 12n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    machine.retrieveFd(incoming, 11n);
    handler.unfinished.add(2n);
    handler.calls.length = 0;
    refused('EBUSY', () => machine.finish(incoming));
    deepEqual(handler.calls, ['can-finish 1', 'can-finish 2']);
    machine.retrieveFd(incoming, 12n);
    handler.unfinished.clear();
    handler.calls.length = 0;
    machine.finish(incoming);
    deepEqual(handler.calls, [
      ...['can-finish 1', 'can-finish 2', 'can-finish 3'],
      ...['finish 3', 'finish 2', 'finish 1 unretrieved'],
    ]);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session that cannot be finished when it is closed stays, out of reach`, () => {
    const { machine, handler, session } = withHandler(profile);
    session('vm', machine.openDevice(), 10n);
    machine.kexec();
    const device = machine.openDevice();
    const incoming = machine.retrieve(device, 'vm');
    handler.unfinished.add(1n);
    machine.task.close(incoming);
    refused('EINVAL', () => machine.retrieve(device, 'vm'));
    match(machine.hardware.messages[0] ?? '', /Cannot finish session "vm" as its descriptor is closed/);
    deepEqual(leftovers(machine), ['an incoming session with 1 files']);
  });

  test(`${profile}: a preserve that the handler refuses keeps nothing`, () => {
    const { machine, handler } = withHandler(profile);
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    handler.failures.set('preserve 1', failure);
    const other = machine.memfd('', { kind: 'other' });
    refused('EAGAIN', () => machine.preserve(session, other, 1n));
    deepEqual(machine.kernel.state().outgoing[0]?.files, []);
    handler.failures.clear();
    machine.preserve(session, other, 1n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a handler without an identity of its own knows files by the open file`, () => {
    const { machine } = withHandler(profile);
    const session = machine.create(machine.openDevice(), 'vm');
    const other = machine.memfd('', { kind: 'other' });
    machine.preserve(session, other, 1n);
    machine.preserve(session, other, 2n);
    deepEqual(leftovers(machine), []);
  });
}

test('linux: a retrieve that failed is not tried again; v5: it is', () => {
  for (const [profile, calls] of [
    ['linux', 1],
    ['v5', 2],
  ] as const) {
    const { machine, handler, session } = withHandler(profile);
    session('vm', machine.openDevice(), 10n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    handler.failures.set('retrieve 1', failure);
    refused('EAGAIN', () => machine.retrieveFd(incoming, 10n));
    if (profile === 'v5') handler.failures.clear();
    if (profile === 'v5') machine.retrieveFd(incoming, 10n);
    else refused('EAGAIN', () => machine.retrieveFd(incoming, 10n));
    equal(handler.calls.filter((call) => call === 'retrieve 1').length, calls);
    deepEqual(leftovers(machine), []);
  }
});

test('linux: the device is EIO where the next kernel has no handler of a file; v5: it opens without sessions', () => {
  for (const profile of ['linux', 'v5'] as const) {
    const { machine, session } = withHandler(profile);
    session('vm', machine.openDevice(), 10n);
    machine.kexec({ handlers: [] });
    if (profile === 'linux') for (let i = 0; i < 2; i += 1) refused('EIO', () => machine.openDevice());
    else refused('ENOENT', () => machine.retrieve(machine.openDevice(), 'vm'));
    equal(machine.hardware.messages.length, 1);
    deepEqual(machine.kernel.state().incoming, []);
    deepEqual(leftovers(machine), []);
  }
});

test('handlers have names of their own, and come before the sessions are read', () => {
  const handlers = new FileHandlers();
  const named = (compatible: string) => new FakeHandler(undefined as never, undefined as never, compatible);
  handlers.register(named('a-v1'));
  handlers.register(named('n'.repeat(47)));
  refused('EEXIST', () => handlers.register(named('a-v1')));
  for (const name of ['', 'n'.repeat(48), 'blank v1', 'ö-v1']) refused('EINVAL', () => handlers.register(named(name)));
  handlers.close();
  refused('EBUSY', () => handlers.register(named('b-v1')));
});
