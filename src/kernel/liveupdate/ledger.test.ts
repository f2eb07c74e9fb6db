/** The ledger is told of all that is preserved, and a kernel preserves again what was found there. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Kernel } from '../kernel.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import type { Ledger } from './ledger.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A machine with a ledger that is read as lines. */
function withLedger(options: ConstructorParameters<typeof FakeMachine>[0] = {}) {
  const machine = new FakeMachine(options);
  const lines: string[] = [];
  const line =
    (what: string) =>
    ({ type, name }: Parameters<Ledger['created']>[0], detail: unknown = ''): void => {
      lines.push(`${what} ${type} ${text(name.bytes)} ${String(detail)}`.trim());
    };
  machine.hardware.ledger = {
    created: line('created'),
    retrieved: line('retrieved'),
    preserved: (session, { token, compatible, descriptor }) =>
      line('preserved')(session, `${token} ${compatible} ${typeof descriptor}`),
    unpreserved: line('unpreserved'),
    finished: line('finished'),
    closed: line('closed'),
  };
  // A kernel takes its onlookers when it boots, and they are the hardware.
  return { machine, lines };
}

test('the ledger is told of each session and file, from its making until it is let go of', () => {
  const { machine, lines } = withLedger({ extend: true });
  const device = machine.openDevice();
  const session = machine.create(device, 'vm');
  machine.preserve(session, machine.memfd('x'), 1n);
  machine.preserve(session, machine.memfd('y'), 2n);
  machine.unpreserve(session, 2n);
  deepEqual(lines.splice(0), [
    'created outgoing vm',
    'preserved outgoing vm 1 memfd-v2 number',
    'preserved outgoing vm 2 memfd-v2 number',
    'unpreserved outgoing vm 2',
  ]);
  machine.kexec();
  deepEqual(lines, [], 'a kexec lets go of nothing');
  const next = machine.retrieve(machine.openDevice(), 'vm');
  machine.retrieveFd(next, 1n);
  machine.finish(next);
  machine.task.close(next);
  deepEqual(lines.splice(0), ['retrieved incoming vm', 'finished incoming vm', 'closed incoming vm']);
  deepEqual(leftovers(machine), []);
});

test('the ledger is told nothing of what was refused, nor of a session that stays', () => {
  const { machine, lines } = withLedger();
  const device = machine.openDevice();
  refused('EINVAL', () => machine.create(device, ''));
  const session = machine.create(device, 'vm');
  refused('EBADF', () => machine.preserve(session, 77, 1n));
  deepEqual(lines.splice(0), ['created outgoing vm']);
  machine.kernel.reboot();
  machine.task.close(session);
  deepEqual(lines.splice(0), [], 'what is closed while all is frozen is not over');
  machine.kernel.cancelReboot();
  deepEqual(lines, ['closed outgoing vm']);
  deepEqual(leftovers(machine), []);
});

test('a session that did not reach its program is made and closed', () => {
  const { machine, lines } = withLedger();
  const device = machine.openDevice();
  machine.task.limit = machine.task.fds.length;
  refused('EMFILE', () => machine.create(device, 'vm'));
  equal(lines.length % 2, 0, lines.join());
  deepEqual(leftovers(machine), []);
});

test('preserveInSession() preserves files without a program, and the next kernel has them', () => {
  const machine = new FakeMachine();
  const file = (content: string) => machine.task.descriptorAt(machine.memfd(content));
  const [one, two] = [machine.host.reopen(file('one'), 0n), machine.host.reopen(file('two'), 2n)];
  machine.task.closeAll();
  machine.kernel.preserveInSession(new TextEncoder().encode('vm'), [
    { token: 1n, descriptor: one },
    { token: 2n, descriptor: two },
  ]);
  machine.kernel.preserveInSession(new TextEncoder().encode('empty'), []);
  machine.kexec();
  const device = machine.openDevice();
  const session = machine.retrieve(device, 'vm');
  deepEqual(
    [1n, 2n].map((token) => machine.content(machine.retrieveFd(session, token))),
    ['one', 'two'],
  );
  machine.task.close(machine.retrieve(device, 'empty'));
  deepEqual(leftovers(machine), []);
});

test('preserveInSession() refuses what CREATE_SESSION and PRESERVE_FD refuse, and closes what it was given', () => {
  const machine = new FakeMachine();
  const other = machine.host.file({ kind: 'other' });
  const { message } = refused('ENOENT', () =>
    machine.kernel.preserveInSession(Buffer.from('vm'), [{ token: 1n, descriptor: other }]),
  );
  match(message, /no handler preserves a file of this kind/);
  equal(machine.host.open.includes(other), false);
  refused('EEXIST', () => machine.kernel.preserveInSession(Buffer.from('vm'), []));
  refused('EINVAL', () => machine.kernel.preserveInSession(Buffer.from(''), []));
  equal(machine.kernel instanceof Kernel, true);
  machine.kernel.shutdown();
});
