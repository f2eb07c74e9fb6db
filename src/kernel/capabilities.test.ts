import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';
import type { KernelOptions } from './kernel.js';
import { type KernelModule, vmalloc } from './module.js';
import { FakeMachine, leftovers } from './testing/checked-machine.js';
import { refused } from './testing/expect.js';
import { FakeHandler, handlerModule } from './testing/fake-handler.js';
import { PassingModule } from './testing/passing-module.js';
import { PAGE_SIZE } from './units.js';

/** A machine with a memfd and a file of a module in the session `vm`. */
function preserving(profile: KernelOptions['profile'], ...flbs: string[]) {
  const modules = [new PassingModule(...flbs)];
  const machine = new FakeMachine({ profile, modules });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('text'), 1n);
  machine.preserve(session, machine.memfd('', { kind: 'other' }), 0x2an);
  return { machine, modules };
}

for (const [from, to] of [
  ['linux', 'linux'],
  ['v5', 'v5'],
  ['v5', 'linux'],
] as const) {
  test(`${from} to ${to}: the next kernel takes over all that is preserved, as the check says`, () => {
    const { machine, modules } = preserving(from, 'a-v1', 'b-v1');
    machine.kernel.checkNext({ profile: to, modules });
    machine.kexec({ profile: to });
    const session = machine.retrieve(machine.openDevice(), 'vm');
    equal(machine.content(machine.retrieveFd(session, 1n)), 'text');
    machine.retrieveFd(session, 0x2an);
    machine.finish(session);
    deepEqual(machine.hardware.messages, []);
    deepEqual(leftovers(machine), []);
  });
}

test('linux to v5: the next kernel does not read the format: EOPNOTSUPP, whatever is preserved', () => {
  const machine = new FakeMachine();
  const { message } = refused('EOPNOTSUPP', () => machine.kernel.checkNext({ profile: 'v5' }));
  match(message, /it reads luo-v1, and this one writes luo-v5$/);
  deepEqual(leftovers(machine), []);
});

test('a file that the next kernel has no handler for is ENOENT, with its session and token', () => {
  const { machine } = preserving('linux');
  const { message } = refused('ENOENT', () => machine.kernel.checkNext({ profile: 'linux' }));
  match(message, /^Cannot hand over token 0x2a of session "vm": the next kernel has no file handler "passing-v1"/);
});

test('an FLB that no handler of the next kernel depends on is ENOENT, with its name', () => {
  const { machine } = preserving('linux', 'a-v1', 'b-v1');
  const next = { profile: 'linux', modules: [new PassingModule('a-v1')] } as const;
  const { message } = refused('ENOENT', () => machine.kernel.checkNext(next));
  match(message, /^Cannot hand over the FLB "b-v1": /);
});

test('an FLB and a handler that nothing depends on are not missed', () => {
  const machine = new FakeMachine({ modules: [new PassingModule('a-v1')] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  machine.kernel.checkNext({ profile: 'linux' });
});

test('what the last kernel left and nobody preserved again is not missed', () => {
  const { machine } = preserving('linux', 'a-v1');
  machine.kexec();
  machine.retrieve(machine.openDevice(), 'vm');
  machine.kernel.checkNext({ profile: 'linux' });
});

test('the check loads the modules of the next kernel and ends them, and changes nothing here', () => {
  const { machine } = preserving('linux');
  const calls: string[] = [];
  const module: KernelModule = { name: 'next', init: () => calls.push('init'), exit: () => calls.push('exit') };
  const before = machine.kernel.state();
  const open = machine.host.open;
  refused('ENOENT', () => machine.kernel.checkNext({ profile: 'linux', modules: [module] }));
  deepEqual(calls, ['init', 'exit']);
  deepEqual(machine.kernel.state(), before);
  deepEqual(machine.host.open, open);
  machine.kexec();
});

test('the check says what a module of the next kernel says, and ends those before it', () => {
  const machine = new FakeMachine();
  const calls: string[] = [];
  const first: KernelModule = { name: 'first', init: () => undefined, exit: () => calls.push('exit') };
  const failure = new KernelError('EIO', 'Cannot, as the test wants');
  const bad: KernelModule = {
    name: 'bad',
    init() {
      throw failure;
    },
  };
  equal(
    refused('EIO', () => machine.kernel.checkNext({ profile: 'linux', modules: [first, bad] })),
    failure,
  );
  deepEqual(calls, ['exit']);
});

test('a module of the next kernel has as much memory in the check as it will have', () => {
  const module: KernelModule = { name: 'large', init: ({ kho }) => void vmalloc(kho.memory, 300 * PAGE_SIZE) };
  const machine = new FakeMachine({ pages: 512 });
  machine.kernel.checkNext({ profile: 'linux', modules: [module] });
});

test('a handler of the name is enough, whatever it is made of', () => {
  const { machine } = preserving('linux');
  const handler = new FakeHandler(undefined as never, undefined as never, 'passing-v1');
  machine.kernel.checkNext({ profile: 'linux', modules: [handlerModule(handler)] });
});
