import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import type { KernelModule, ModuleKernel } from '../module.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { FakeHandler, handlerModule } from '../testing/fake-handler.js';
import type { FlbOperations } from './flb.js';
import type { FileHandler, LiveUpdateSession } from './handler.js';
import { FileHandlers } from './handlers.js';

/** A machine whose kernels take files of kind `other` with a handler that writes everything down. */
function withHandler(profile: 'linux' | 'v5' = 'linux', compatible = 'fake-v1') {
  let machine: FakeMachine;
  const restore = (): File => machine.kernel.hostFile(machine.host.file({ kind: 'other' }));
  // The host is there only once the machine is; the handler asks for it later.
  const handler = new FakeHandler(() => machine.host, restore, compatible);
  let loaded: ModuleKernel | undefined;
  const module: KernelModule = {
    name: 'tested',
    init(kernel) {
      loaded = kernel;
      kernel.registerFileHandler(handler);
    },
  };
  machine = new FakeMachine({ profile, modules: [module] });
  // Modules are loaded as the kernel boots.
  const kernel = () => loaded as ModuleKernel;
  const session = (name: string, device: number, ...tokens: bigint[]) => {
    const fd = machine.create(device, name);
    for (const token of tokens) machine.preserve(fd, machine.memfd('', { kind: 'other' }), token);
    return fd;
  };
  return { machine, handler, session, kernel };
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
    const again = () => machine.preserve(session, machine.task.dup(other), 2n);
    if (profile === 'linux') refused('EBUSY', again);
    else again();
    machine.preserve(session, machine.task.open(machine.host.reopen(machine.task.descriptorAt(other), 0n)), 3n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: what preserve says is private is there in each later call of this kernel`, () => {
    const { machine, handler, session } = withHandler(profile);
    const seen: string[] = [];
    for (const callback of ['freeze', 'unfreeze', 'unpreserve'] as const) {
      handler[callback] = ({ privateData, serializedData, session: { name, type } }) => {
        seen.push(`${callback} ${privateData} ${serializedData} ${name} ${type}`);
        return undefined;
      };
    }
    const fd = session('vm', machine.openDevice(), 10n);
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    machine.task.close(fd);
    deepEqual(seen, [
      'freeze private 1 1 "vm" outgoing',
      'unfreeze private 1 1 "vm" outgoing',
      'unpreserve private 1 1 "vm" outgoing',
    ]);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: another handle that freeze gives is what the next kernel gets, and what this one goes on with`, () => {
    const { machine, handler, session } = withHandler(profile);
    const fd = session('vm', machine.openDevice(), 10n, 11n);
    handler.moved.set(1n, 2n ** 64n - 1n);
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    deepEqual(handler.calls.slice(-2), ['unfreeze 2', 'unfreeze 18446744073709551615']);
    handler.moved.clear();
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    deepEqual(handler.calls.slice(-2), ['unfreeze 2', 'unfreeze 18446744073709551615']);
    machine.task.close(fd);
    deepEqual(handler.calls.slice(-2), ['unpreserve 2', 'unpreserve 18446744073709551615']);
    machine.preserve(machine.create(3, 'vm'), machine.memfd('', { kind: 'other' }), 12n);
    handler.moved.set(3n, 0x77n);
    machine.kexec();
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(handler.calls.slice(-1), ['finish 119 unretrieved']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: another handle that a freeze gave before it failed elsewhere is what is unfrozen`, () => {
    const { machine, handler, session } = withHandler(profile);
    session('vm', machine.openDevice(), 10n, 11n);
    handler.moved.set(1n, 5n);
    handler.failures.set('freeze 2', failure);
    throws(() => machine.kernel.reboot(), failure);
    deepEqual(handler.calls.slice(-3), ['freeze 1', 'freeze 2', 'unfreeze 5']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a handler with a file in a session cannot be unregistered: EBUSY, in both kernels`, () => {
    const { machine, handler, session, kernel } = withHandler(profile);
    const fd = session('vm', machine.openDevice(), 10n, 11n);
    match(refused('EBUSY', () => kernel().unregisterFileHandler(handler)).message, /sessions have 2 files of it/);
    machine.task.close(fd);
    session('vm', 3, 10n);
    machine.kexec();
    const device = machine.openDevice();
    refused('EBUSY', () => kernel().unregisterFileHandler(handler));
    machine.finish(machine.retrieve(device, 'vm'));
    kernel().unregisterFileHandler(handler);
    refused('EINVAL', () => kernel().unregisterFileHandler(handler));
    refused('ENOENT', () => session('more', device, 1n));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a handler whose files were let go of, or refused, can be unregistered`, () => {
    const { machine, handler, session, kernel } = withHandler(profile);
    const device = machine.openDevice();
    const fd = session('vm', device, 10n, 11n);
    handler.failures.set('preserve 3', failure);
    refused('EAGAIN', () => machine.preserve(fd, machine.memfd('', { kind: 'other' }), 12n));
    machine.task.close(fd);
    kernel().unregisterFileHandler(handler);
    refused('ENOENT', () => session('vm', device, 10n));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: the token of a preserved file can be asked for, by its open file and in its session only`, () => {
    const { machine, handler, session, kernel } = withHandler(profile);
    const files: { file: File; session: LiveUpdateSession }[] = [];
    const preserve = handler.preserve.bind(handler);
    const watched: FileHandler<string> = handler;
    watched.preserve = (call) => {
      files.push(call);
      refused('ENOENT', () => kernel().getTokenOutgoing(call.session, call.file));
      return preserve();
    };
    const device = machine.openDevice();
    const first = session('first', device, 10n, 2n ** 64n - 1n);
    session('second', device, 10n);
    const [one, two, other] = files;
    equal(kernel().getTokenOutgoing(one!.session, one!.file), 10n);
    equal(kernel().getTokenOutgoing(two!.session, two!.file), 2n ** 64n - 1n);
    const { message } = refused('ENOENT', () => kernel().getTokenOutgoing(one!.session, other!.file));
    match(message, /session "first" has it not/);
    refused('EINVAL', () => kernel().getTokenOutgoing({ ...one!.session }, one!.file));
    machine.task.close(first);
    refused('ENOENT', () => kernel().getTokenOutgoing(one!.session, one!.file));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a kernel gets a file of an incoming session without a reference, the same one as programs`, () => {
    const { machine, handler, session, kernel } = withHandler(profile);
    let incoming: LiveUpdateSession | undefined;
    const retrieve = handler.retrieve.bind(handler);
    handler.retrieve = (call) => {
      incoming = call.session;
      return retrieve(call);
    };
    session('vm', machine.openDevice(), 10n, 11n);
    machine.kexec();
    const fd = machine.retrieve(machine.openDevice(), 'vm');
    machine.retrieveFd(fd, 10n);
    const file = kernel().getFileIncoming(incoming!, 11n);
    equal(file.references, 1);
    equal(kernel().getFileIncoming(incoming!, 11n), file);
    deepEqual(
      handler.calls.filter((call) => call.startsWith('retrieve')),
      ['retrieve 1', 'retrieve 2'],
    );
    refused('ENOENT', () => kernel().getFileIncoming(incoming!, 12n));
    refused('EINVAL', () => kernel().getFileIncoming({ ...incoming! }, 11n));
    machine.finish(fd);
    equal(file.references, 0);
    refused('ENOENT', () => kernel().getFileIncoming(incoming!, 11n));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a handler that is asked first and does not take a file leaves it to the next`, () => {
    const other = new FakeHandler(
      () => machine.host,
      () => machine.kernel.hostFile(machine.host.file({ kind: 'other' })),
      'other-v1',
    );
    const first = new FakeHandler(other.host, other.restore, 'first-v1');
    first.link = 'first';
    const machine: FakeMachine = new FakeMachine({ profile, modules: [handlerModule(first), handlerModule(other)] });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('', { kind: 'other', link: 'first' }), 1n);
    machine.preserve(session, machine.memfd('', { kind: 'other', link: 'second' }), 2n);
    deepEqual(
      machine.kernel.state().outgoing[0]?.files.map(({ compatible }) => compatible),
      ['first-v1', 'other-v1'],
    );
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
    machine.kexec({ modules: [] });
    if (profile === 'linux') for (let i = 0; i < 2; i += 1) refused('EIO', () => machine.openDevice());
    else refused('ENOENT', () => machine.retrieve(machine.openDevice(), 'vm'));
    equal(machine.hardware.messages.length, 1);
    deepEqual(machine.kernel.state().incoming, []);
    deepEqual(leftovers(machine), []);
  }
});

test('linux: a handler can be unregistered where the sessions that have its files cannot be read', () => {
  const host = () => machine.host;
  const known = new FakeHandler(host, undefined as never, 'known-v1');
  known.link = 'known';
  const gone = new FakeHandler(host, undefined as never, 'gone-v1');
  const machine: FakeMachine = new FakeMachine({ modules: [handlerModule(known), handlerModule(gone)] });
  const device = machine.openDevice();
  machine.preserve(machine.create(device, 'first'), machine.memfd('', { kind: 'other', link: 'known' }), 1n);
  machine.preserve(machine.create(device, 'second'), machine.memfd('', { kind: 'other' }), 1n);
  let next: ModuleKernel | undefined;
  const module: KernelModule = {
    name: 'next',
    init(kernel) {
      next = kernel;
      kernel.registerFileHandler(known);
    },
  };
  machine.kexec({ modules: [module] });
  refused('EIO', () => machine.openDevice());
  next?.unregisterFileHandler(known);
  deepEqual(leftovers(machine), []);
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

test('a handler or an FLB that forgets a callback does not compile', () => {
  const handler = {
    compatible: 'a-v1',
    canPreserve: () => false,
    preserve: () => ({ serializedData: 1n, privateData: 'mine' }),
    unpreserve: () => undefined,
    retrieve: (): File => {
      throw failure;
    },
    finish: () => undefined,
  };
  const whole: FileHandler<string> = handler;
  const { canPreserve: _canPreserve, ...noCanPreserve } = handler;
  const { preserve: _preserve, ...noPreserve } = handler;
  const { unpreserve: _unpreserve, ...noUnpreserve } = handler;
  const { retrieve: _retrieve, ...noRetrieve } = handler;
  const { finish: _finish, ...noFinish } = handler;
  const others: FileHandler<string>[] = [
    // @ts-expect-error: every handler must say what it can take
    noCanPreserve,
    // @ts-expect-error: every handler must preserve
    noPreserve,
    // @ts-expect-error: every handler must undo that
    noUnpreserve,
    // @ts-expect-error: every handler must retrieve
    noRetrieve,
    // @ts-expect-error: every handler must finish
    noFinish,
    // @ts-expect-error: what is private has a type
    { ...handler, preserve: () => ({ serializedData: 1n, privateData: 5 }) },
    // @ts-expect-error: a handle is 64 bits wide
    { ...handler, preserve: () => ({ serializedData: 1, privateData: 'mine' }) },
  ];
  const flb = {
    compatible: 'a-v1',
    preserve: () => ({ data: 1n, object: 'shared' }),
    unpreserve: () => undefined,
    retrieve: () => 'shared',
    finish: () => undefined,
  };
  const wholeFlb: FlbOperations<string> = flb;
  const { preserve: _flbPreserve, ...flbNoPreserve } = flb;
  const { unpreserve: _flbUnpreserve, ...flbNoUnpreserve } = flb;
  const { retrieve: _flbRetrieve, ...flbNoRetrieve } = flb;
  const { finish: _flbFinish, ...flbNoFinish } = flb;
  const otherFlbs: FlbOperations<string>[] = [
    // @ts-expect-error: every FLB must be preserved
    flbNoPreserve,
    // @ts-expect-error: every FLB must undo that
    flbNoUnpreserve,
    // @ts-expect-error: every FLB must be retrieved
    flbNoRetrieve,
    // @ts-expect-error: every FLB must be finished
    flbNoFinish,
  ];
  // The compiler has checked all of it; that the whole ones are taken is left to see.
  equal([whole, wholeFlb, ...others, ...otherFlbs].length, 13);
});

// As from the JavaScript of a module, which no compiler has seen.
const noHandles = [5, undefined, 1n << 64n, -1n] as unknown as bigint[];

test('a handle that is no bigint of 64 bits is EINVAL when the file is preserved, and what was preserved is undone', () => {
  const { machine, handler } = withHandler();
  const session = machine.create(machine.openDevice(), 'vm');
  for (const serializedData of noHandles) {
    handler.preserve = () => ({ serializedData, privateData: 'private' });
    const { message } = refused('EINVAL', () => machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n));
    match(message, /"fake-v1": a handle must be a bigint of 64 bits, such as 1n, and the callback not async$/);
  }
  deepEqual(
    handler.calls,
    noHandles.map((handle) => `unpreserve ${handle}`),
  );
  deepEqual(leftovers(machine), []);
});

test('a handle of a freeze that is no bigint of 64 bits is EINVAL, and everything goes on', () => {
  const { machine, handler, session } = withHandler();
  session('vm', machine.openDevice(), 1n, 2n);
  handler.moved.set(2n, 1n << 64n);
  handler.calls.length = 0;
  refused('EINVAL', () => machine.kernel.reboot());
  deepEqual(handler.calls, ['freeze 1', 'freeze 2', 'unfreeze 2', 'unfreeze 1']);
  handler.moved.clear();
  machine.kexec();
});

test('a handler whose name is no text is EINVAL', () => {
  const handler = Object.assign(withHandler().handler, { compatible: undefined });
  // As from the JavaScript of a module, which no compiler has seen.
  refused('EINVAL', () => new FakeMachine({ modules: [handlerModule(handler as unknown as FakeHandler)] }));
});

test('where the identity of a file that was retrieved cannot be told, the file is let go of', () => {
  const { machine, handler, session } = withHandler();
  session('vm', machine.openDevice(), 1n);
  machine.kexec();
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  Object.assign(handler, {
    identity() {
      throw failure;
    },
  });
  for (let i = 0; i < 2; i += 1) throws(() => machine.retrieveFd(incoming, 1n), failure);
  machine.finish(incoming);
  deepEqual(leftovers(machine), []);
});

test('a promise is no answer of a handler: neither a yes, nor a file', () => {
  const { machine, handler, session } = withHandler();
  session('vm', machine.openDevice(), 1n);
  machine.kexec();
  const device = machine.openDevice();
  const incoming = machine.retrieve(device, 'vm');
  // As from the JavaScript of a module, which no compiler has seen.
  const promise = async () => true as never;
  Object.assign(handler, { retrieve: promise, canFinish: promise, canPreserve: promise });
  refused('EIO', () => machine.retrieveFd(incoming, 1n));
  refused('EBUSY', () => machine.finish(incoming));
  refused('ENOENT', () => machine.preserve(machine.create(device, 'new'), machine.memfd('', { kind: 'other' }), 1n));
  Object.assign(handler, { canFinish: () => true });
  machine.finish(incoming);
});
