import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { KernelModule, ModuleKernel } from '../module.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { FakeFlb } from '../testing/fake-flb.js';
import { FakeHandler } from '../testing/fake-handler.js';

/** Boots a kernel with a module that does `init`. */
function boot(init: (kernel: ModuleKernel) => void, profile: 'linux' | 'v5' = 'linux'): FakeMachine {
  const module: KernelModule = { name: 'tested', init };
  return new FakeMachine({ profile, modules: [module] });
}

/** A handler that is never asked for anything. */
function idle(compatible: string): FakeHandler {
  const handler = new FakeHandler(undefined as never, undefined as never, compatible);
  handler.canPreserve = () => false;
  return handler;
}

test('a handler depends on an FLB once, and an FLB may have many handlers', () => {
  const [one, other] = [idle('one-v1'), idle('other-v1')];
  const machine = boot((kernel) => {
    kernel.registerFileHandler(one);
    kernel.registerFileHandler(other);
    const flb = kernel.initFlb(new FakeFlb('a-v1'));
    kernel.registerFlb(one, flb);
    refused('EEXIST', () => kernel.registerFlb(one, flb));
    kernel.registerFlb(other, flb);
  });
  deepEqual(leftovers(machine), []);
});

test('two FLBs of one name are EEXIST, until the handlers of the first are gone', () => {
  const [one, other] = [idle('one-v1'), idle('other-v1')];
  boot((kernel) => {
    kernel.registerFileHandler(one);
    kernel.registerFileHandler(other);
    const first = kernel.initFlb(new FakeFlb('a-v1'));
    kernel.registerFlb(one, first);
    kernel.registerFlb(other, first);
    const second = kernel.initFlb(new FakeFlb('a-v1'));
    const register = () => kernel.registerFlb(other, second);
    match(refused('EEXIST', register).message, /^Cannot register the FLB "a-v1" with the file handler "other-v1": /);
    kernel.unregisterFileHandler(other);
    kernel.registerFileHandler(other);
    refused('EEXIST', register);
    kernel.unregisterFileHandler(one);
    register();
  });
});

test('a handler that is not registered is EINVAL, and so is a name that does not fit', () => {
  const handler = idle('file-v1');
  boot((kernel) => {
    refused('EINVAL', () => kernel.registerFlb(handler, kernel.initFlb(new FakeFlb('a-v1'))));
    kernel.registerFileHandler(handler);
    for (const name of ['', 'n'.repeat(48), 'blank v1', 'ö-v1']) {
      refused('EINVAL', () => kernel.registerFlb(handler, kernel.initFlb(new FakeFlb(name))));
    }
    kernel.registerFlb(handler, kernel.initFlb(new FakeFlb('n'.repeat(47))));
  });
});

test('an FLB without a callback is EINVAL, and the sentence names it', () => {
  boot((kernel) => {
    for (const callback of ['preserve', 'unpreserve', 'retrieve', 'finish'] as const) {
      const operations = Object.assign(new FakeFlb('a-v1'), { [callback]: undefined });
      match(
        refused('EINVAL', () => kernel.initFlb(operations)).message,
        new RegExp(`^Cannot make the FLB "a-v1": it has no ${callback},`),
      );
    }
  });
});

test('no handler gets an FLB once the sessions of the last kernel were read: EBUSY', () => {
  const handler = idle('file-v1');
  let loaded: ModuleKernel | undefined;
  const machine = boot((kernel) => {
    kernel.registerFileHandler(handler);
    loaded = kernel;
  });
  const flb = loaded?.initFlb(new FakeFlb('a-v1'));
  machine.openDevice();
  refused('EBUSY', () => flb && loaded?.registerFlb(handler, flb));
  deepEqual(leftovers(machine), []);
});

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a kernel has as many FLBs as a page of the handover has room for, then it is ENOSPC`, () => {
    const handler = idle('file-v1');
    let room = 0;
    const machine = boot((kernel) => {
      kernel.registerFileHandler(handler);
      for (; room < 63; room += 1) kernel.registerFlb(handler, kernel.initFlb(new FakeFlb(`flb-${room}`)));
      refused('ENOSPC', () => kernel.registerFlb(handler, kernel.initFlb(new FakeFlb('one-more'))));
      // It left nothing behind.
      refused('ENOSPC', () => kernel.registerFlb(handler, kernel.initFlb(new FakeFlb('one-more'))));
    }, profile);
    equal(room, 63);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: as many FLBs as there can be pass to the next kernel`, () => {
    const calls: string[] = [];
    const module: KernelModule = {
      name: 'many',
      init(kernel) {
        const handler = new FakeHandler(
          () => machine.host,
          () => machine.kernel.hostFile(machine.host.file({ kind: 'other' })),
        );
        kernel.registerFileHandler(handler);
        for (let i = 0; i < 63; i += 1) {
          kernel.registerFlb(handler, kernel.initFlb(new FakeFlb(`flb-${i}`, calls, 2n ** 64n - 1n - BigInt(i))));
        }
      },
    };
    const machine = new FakeMachine({ profile, modules: [module] });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n);
    machine.kexec();
    calls.length = 0;
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(
      calls.filter((call) => call.startsWith('retrieve')).reverse(),
      Array.from({ length: 63 }, (_, i) => `retrieve flb-${i} 0x${(2n ** 64n - 1n - BigInt(i)).toString(16)}`),
    );
    equal(calls.filter((call) => call.startsWith('finish')).length, 63);
    deepEqual(leftovers(machine), []);
  });
}
