import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import type { KernelModule, ModuleKernel } from '../module.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { FakeFlb, type FakeShared } from '../testing/fake-flb.js';
import { FakeHandler } from '../testing/fake-handler.js';
import type { Flb, FlbLock } from './flb.js';

type Dependencies = Readonly<Record<string, readonly string[]>>;

/**
 * A machine with handlers, each for files whose link is its name, and FLBs that they depend on. All calls go to one
 * list.
 */
function withFlbs(profile: 'linux' | 'v5', dependencies: Dependencies) {
  const calls: string[] = [];
  const operations = new Map<string, FakeFlb>();
  for (const name of Object.values(dependencies).flat()) operations.set(name, new FakeFlb(name, calls));
  const flbs = new Map<string, Flb<FakeShared>>();
  let kernel: ModuleKernel | undefined;
  const handlers = Object.keys(dependencies).map((name) => {
    const restore = () => machine.kernel.hostFile(machine.host.file({ kind: 'other' }));
    const handler = new FakeHandler(() => machine.host, restore, name);
    handler.link = name;
    return handler;
  });
  const module: KernelModule = {
    name: 'tested',
    init(one) {
      kernel = one;
      for (const [name, operation] of operations) flbs.set(name, one.initFlb(operation));
      for (const handler of handlers) {
        one.registerFileHandler(handler);
        for (const name of dependencies[handler.compatible] ?? []) one.registerFlb(handler, flbs.get(name)!);
      }
    },
  };
  const machine = new FakeMachine({ profile, modules: [module] });
  return {
    machine,
    handlers,
    calls,
    operations: (name: string) => operations.get(name)!,
    flb: (name: string) => flbs.get(name)!,
    kernel: () => kernel!,
    other: (link: string) => machine.memfd('', { kind: 'other', link }),
    /** What the FLBs were asked since the last time. */
    asked: () => calls.splice(0),
  };
}

const failure = new KernelError('EAGAIN', 'Cannot, as the test wants');

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: an FLB is preserved before the first file and let go of after the last, whatever session they are in`, () => {
    const { machine, other, asked, handlers } = withFlbs(profile, { 'file-v1': ['a-v1', 'b-v1'] });
    const device = machine.openDevice();
    const first = machine.create(device, 'first');
    const second = machine.create(device, 'second');
    machine.preserve(first, other('file-v1'), 1n);
    deepEqual(asked(), ['preserve a-v1', 'preserve b-v1']);
    machine.preserve(second, other('file-v1'), 1n);
    machine.task.close(first);
    deepEqual(asked(), []);
    machine.task.close(second);
    deepEqual(asked(), ['unpreserve b-v1 0x1234 preserved', 'unpreserve a-v1 0x1234 preserved']);
    deepEqual(handlers[0]?.calls, ['preserve 1', 'preserve 2', 'unpreserve 1', 'unpreserve 2']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: the files of all handlers that depend on an FLB count, those of others do not`, () => {
    const { machine, other, asked } = withFlbs(profile, { 'x-v1': ['a-v1'], 'y-v1': ['a-v1', 'b-v1'], 'z-v1': [] });
    const session = machine.create(machine.openDevice(), 'vm');
    for (const [token, link] of ['x-v1', 'y-v1', 'z-v1', 'y-v1'].entries()) {
      machine.preserve(session, other(link), BigInt(token));
    }
    deepEqual(asked(), ['preserve a-v1', 'preserve b-v1']);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    machine.finish(incoming);
    deepEqual(asked(), [
      ...['retrieve b-v1 0x1234', 'finish b-v1 retrieved'],
      ...['retrieve a-v1 0x1234', 'finish a-v1 retrieved'],
    ]);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: where the second of three FLBs cannot be preserved, the first is let go of and no file is asked`, () => {
    const { machine, other, asked, operations, handlers } = withFlbs(profile, { 'file-v1': ['a-v1', 'b-v1', 'c-v1'] });
    const session = machine.create(machine.openDevice(), 'vm');
    operations('b-v1').failures.set('preserve b-v1', failure);
    refused('EAGAIN', () => machine.preserve(session, other('file-v1'), 1n));
    deepEqual(asked(), ['preserve a-v1', 'preserve b-v1', 'unpreserve a-v1 0x1234 preserved']);
    deepEqual(handlers[0]?.calls, []);
    deepEqual(
      machine.kernel.leaks().filter((leak) => leak.includes('FLB')),
      [],
    );
    operations('b-v1').failures.clear();
    machine.preserve(session, other('file-v1'), 1n);
    deepEqual(asked(), ['preserve a-v1', 'preserve b-v1', 'preserve c-v1']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: where the file cannot be preserved, the FLBs are let go of, unless others depend on them`, () => {
    const { machine, other, asked, handlers } = withFlbs(profile, { 'file-v1': ['a-v1', 'b-v1'] });
    const session = machine.create(machine.openDevice(), 'vm');
    handlers[0]?.failures.set('preserve 1', failure);
    refused('EAGAIN', () => machine.preserve(session, other('file-v1'), 1n));
    deepEqual(asked(), [
      ...['preserve a-v1', 'preserve b-v1'],
      ...['unpreserve b-v1 0x1234 preserved', 'unpreserve a-v1 0x1234 preserved'],
    ]);
    handlers[0]?.failures.clear();
    machine.preserve(session, other('file-v1'), 1n);
    asked();
    handlers[0]?.failures.set('preserve 2', failure);
    refused('EAGAIN', () => machine.preserve(session, other('file-v1'), 2n));
    deepEqual(asked(), []);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: in the next kernel an FLB is retrieved when it is first asked for, and once only`, () => {
    const { machine, other, asked, kernel, flb } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
    machine.kexec();
    asked();
    equal(
      kernel().flbIncoming(flb('a-v1'), ({ object }) => object.text),
      'retrieved',
    );
    equal(
      kernel().flbIncoming(flb('a-v1'), ({ object }) => object.text),
      'retrieved',
    );
    deepEqual(asked(), ['retrieve a-v1 0x1234']);
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(asked(), ['finish a-v1 retrieved']);
    refused('ENOENT', () => kernel().flbIncoming(flb('a-v1')));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a retrieve that failed is tried again when the FLB is asked for again`, () => {
    const { machine, other, asked, kernel, flb, operations } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
    machine.kexec();
    asked();
    operations('a-v1').failures.set('retrieve a-v1', failure);
    refused('EAGAIN', () => kernel().flbIncoming(flb('a-v1')));
    operations('a-v1').failures.clear();
    kernel().flbIncoming(flb('a-v1'), () => undefined);
    deepEqual(asked(), ['retrieve a-v1 0x1234', 'retrieve a-v1 0x1234']);
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: what is put in the object's place is what is finished, and what is unpreserved`, () => {
    const { machine, other, asked, kernel, flb } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, other('file-v1'), 1n);
    kernel().flbOutgoing(flb('a-v1'), (lock) => {
      lock.object = { text: 'replaced' };
    });
    machine.task.close(session);
    deepEqual(asked(), ['preserve a-v1', 'unpreserve a-v1 0x1234 replaced']);
    machine.preserve(machine.create(3, 'vm'), other('file-v1'), 1n);
    machine.kexec();
    asked();
    {
      using lock = kernel().flbIncoming(flb('a-v1'));
      lock.object = { text: 'replaced' };
    }
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(asked(), ['retrieve a-v1 0x1234', 'finish a-v1 replaced']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: an FLB is finished after the last file that depends on it, retrieved for that where nobody did`, () => {
    const { machine, other, asked, handlers } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    const device = machine.openDevice();
    for (const name of ['first', 'second']) {
      const session = machine.create(device, name);
      for (const token of [1n, 2n]) machine.preserve(session, other('file-v1'), token);
    }
    machine.kexec();
    asked();
    const after = machine.openDevice();
    machine.finish(machine.retrieve(after, 'first'));
    deepEqual(asked(), []);
    const [handler] = handlers;
    const seen: number[] = [];
    handler!.finish = () => seen.push(asked().length);
    machine.finish(machine.retrieve(after, 'second'));
    deepEqual(seen, [0, 0]);
    deepEqual(asked(), ['retrieve a-v1 0x1234', 'finish a-v1 retrieved']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: an FLB that cannot be retrieved to be finished is lost with a warning, and the files are finished`, () => {
    const { machine, other, asked, operations } = withFlbs(profile, { 'file-v1': ['a-v1', 'b-v1'] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 0x1fn);
    machine.kexec();
    asked();
    operations('b-v1').failures.set('retrieve b-v1', failure);
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(asked(), ['retrieve b-v1 0x1234', 'retrieve a-v1 0x1234', 'finish a-v1 retrieved']);
    match(
      machine.hardware.messages.join(),
      /^warning: Lost an FLB as token 0x1f of session "vm" was finished: Cannot, /,
    );
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: an FLB that no handler of the next kernel depends on is told of`, () => {
    const { machine, other } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
    const handler = new FakeHandler(
      () => machine.host,
      () => machine.kernel.hostFile(machine.host.file({ kind: 'other' })),
      'file-v1',
    );
    machine.kexec({ modules: [{ name: 'less', init: (kernel) => kernel.registerFileHandler(handler) }] });
    deepEqual(machine.hardware.messages, []);
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(machine.hardware.messages, [
      'warning: Cannot let go of the FLB "a-v1" of the last kernel: no handler depends on it',
    ]);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a file that is preserved again has its FLB preserved again`, () => {
    const { machine, other, asked, kernel, flb } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    for (let generation = 1; generation <= 3; generation += 1) {
      const device = machine.openDevice();
      machine.preserve(machine.create(device, 'vm'), other('file-v1'), 1n);
      machine.kexec();
      machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
      refused('ENOENT', () => kernel().flbOutgoing(flb('a-v1')));
      deepEqual(asked(), ['preserve a-v1', 'retrieve a-v1 0x1234', 'finish a-v1 retrieved']);
      machine.task.closeAll();
    }
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: incoming and outgoing objects of an FLB have nothing to do with each other`, () => {
    const { machine, other, asked, kernel, flb } = withFlbs(profile, { 'file-v1': ['a-v1'] });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
    machine.kexec();
    const device = machine.openDevice();
    const again = machine.create(device, 'again');
    machine.preserve(again, other('file-v1'), 1n);
    {
      using outgoing = kernel().flbOutgoing(flb('a-v1'));
      using incoming = kernel().flbIncoming(flb('a-v1'));
      deepEqual([outgoing.object.text, incoming.object.text], ['preserved', 'retrieved']);
    }
    machine.finish(machine.retrieve(device, 'vm'));
    machine.task.close(again);
    deepEqual(asked().slice(-2), ['finish a-v1 retrieved', 'unpreserve a-v1 0x1234 preserved']);
    deepEqual(leftovers(machine), []);
  });
}

test('there is no incoming FLB after a cold boot: ENODATA; and none where the last kernel left none: ENOENT', () => {
  const { machine, kernel, flb } = withFlbs('linux', { 'file-v1': ['a-v1'] });
  refused('ENODATA', () => kernel().flbIncoming(flb('a-v1')));
  refused('ENOENT', () => kernel().flbOutgoing(flb('a-v1')));
  machine.kexec();
  refused('ENOENT', () => kernel().flbIncoming(flb('a-v1')));
  deepEqual(leftovers(machine), []);
});

test('an FLB that is locked cannot be locked again: EDEADLK', () => {
  const { machine, kernel, flb, other } = withFlbs('linux', { 'file-v1': ['a-v1'] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
  kernel().flbOutgoing(flb('a-v1'), () => refused('EDEADLK', () => kernel().flbOutgoing(flb('a-v1'))));
  machine.kexec();
  kernel().flbIncoming(flb('a-v1'), () => refused('EDEADLK', () => kernel().flbIncoming(flb('a-v1'))));
  machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
  deepEqual(leftovers(machine), []);
});

test('an FLB is locked while its callbacks run: EDEADLK', () => {
  const { machine, kernel, flb, other, operations } = withFlbs('linux', { 'file-v1': ['a-v1'] });
  const { within } = operations('a-v1');
  let tried = 0;
  const lock = (direction: 'flbOutgoing' | 'flbIncoming') => () => {
    tried += 1;
    refused('EDEADLK', () => kernel()[direction](flb('a-v1')));
  };
  within.set('preserve a-v1', lock('flbOutgoing'));
  within.set('unpreserve a-v1', lock('flbOutgoing'));
  within.set('retrieve a-v1', lock('flbIncoming'));
  within.set('finish a-v1', lock('flbIncoming'));
  const device = machine.openDevice();
  machine.preserve(machine.create(device, 'vm'), other('file-v1'), 1n);
  machine.kexec();
  const after = machine.openDevice();
  machine.finish(machine.retrieve(after, 'vm'));
  const session = machine.create(after, 'vm');
  machine.preserve(session, other('file-v1'), 1n);
  machine.task.close(session);
  equal(tried, 5);
  deepEqual(leftovers(machine), []);
});

test('a lock ends with its scope, also where that fails', () => {
  const { machine, kernel, flb, other } = withFlbs('linux', { 'file-v1': ['a-v1'] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
  throws(() =>
    kernel().flbOutgoing(flb('a-v1'), () => {
      throw failure;
    }),
  );
  kernel().flbOutgoing(flb('a-v1'), () => undefined);
  deepEqual(leftovers(machine), []);
});

test('a lock that was given back reaches nothing, and giving it back again leaves the next lock alone', () => {
  const { machine, kernel, flb, other } = withFlbs('linux', { 'file-v1': ['a-v1'] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), other('file-v1'), 1n);
  const old: FlbLock<FakeShared> = kernel().flbOutgoing(flb('a-v1'), (lock) => lock);
  throws(() => old.object, /given back/);
  {
    using lock = kernel().flbOutgoing(flb('a-v1'));
    throws(() => old.object, /given back/);
    throws(() => {
      old.object = { text: 'late' };
    }, /given back/);
    old[Symbol.dispose]();
    refused('EDEADLK', () => kernel().flbOutgoing(flb('a-v1')));
    equal(lock.object.text, 'preserved');
  }
  deepEqual(leftovers(machine), []);
});

for (const [from, to] of [
  ['linux', 'linux'],
  ['v5', 'v5'],
  ['v5', 'linux'],
] as const) {
  test(`${from} to ${to}: the handle of an FLB and the number of its files pass to the next kernel`, () => {
    const { machine, other, asked, kernel, flb } = withFlbs(from, { 'file-v1': ['a-v1'], 'other-v1': ['b-v1'] });
    const device = machine.openDevice();
    const first = machine.create(device, 'first');
    const second = machine.create(device, 'second');
    for (const token of [1n, 2n]) machine.preserve(first, other('file-v1'), token);
    machine.preserve(second, other('file-v1'), 1n);
    machine.kexec({ profile: to });
    deepEqual(
      machine.kernel.leaks().filter((leak) => leak.includes('FLB')),
      ['3 incoming files that depend on the FLB "a-v1"'],
    );
    refused('ENOENT', () => kernel().flbIncoming(flb('b-v1')));
    asked();
    const after = machine.openDevice();
    for (const name of ['first', 'second']) machine.finish(machine.retrieve(after, name));
    deepEqual(asked(), ['retrieve a-v1 0x1234', 'finish a-v1 retrieved']);
    deepEqual(leftovers(machine), []);
  });
}

test('a handle of an FLB that is no bigint of 64 bits is EINVAL when it is preserved, and that is undone', () => {
  const { machine, operations, other, asked, handlers } = withFlbs('linux', { 'file-v1': ['a-v1', 'b-v1'] });
  const session = machine.create(machine.openDevice(), 'vm');
  // As from the JavaScript of a module, which no compiler has seen.
  Object.assign(operations('b-v1'), { data: 5 });
  refused('EINVAL', () => machine.preserve(session, other('file-v1'), 1n));
  deepEqual(asked(), [
    ...['preserve a-v1', 'preserve b-v1'],
    ...['unpreserve b-v1 0x5 preserved', 'unpreserve a-v1 0x1234 preserved'],
  ]);
  deepEqual(handlers[0]?.calls, []);
  deepEqual(leftovers(machine), []);
});
