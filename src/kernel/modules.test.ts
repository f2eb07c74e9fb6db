import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from './error.js';
import type { FileHandler } from './liveupdate/handler.js';
import type { KernelModule, ModuleKernel } from './module.js';
import { assembleWithModules, Modules } from './modules.js';
import { assemble } from './parts.js';
import { FakeMachine, leftovers } from './testing/checked-machine.js';
import { refused } from './testing/expect.js';
import { FakeFlb } from './testing/fake-flb.js';
import { FakeHandler, handlerModule } from './testing/fake-handler.js';
import { FakeHardware } from './testing/fake-hardware.js';

/** A kernel without modules, into which modules can be loaded. */
function kernelWithout() {
  const hardware = FakeHardware.withPages(64);
  const parts = assemble(hardware, { profile: 'linux' }, undefined);
  const names = () => [...parts.handlers.all].map(({ handler }) => handler.compatible);
  return { hardware, parts, modules: new Modules(parts), builtIn: names().length, names };
}

/** A handler that is never asked for anything. */
function idle(compatible = 'idle-v1'): FakeHandler {
  const handler = new FakeHandler(undefined as never, undefined as never, compatible);
  handler.canPreserve = () => false;
  return handler;
}

const failure = new KernelError('EAGAIN', 'Cannot, as the test wants');

test('init is called once for each kernel, in the order of the modules, before anything of the last kernel was read', () => {
  const calls: string[] = [];
  const module = (name: string): KernelModule => ({
    name,
    init: (kernel) => {
      calls.push(name);
      kernel.registerFileHandler(idle(`${name}-v1`));
    },
  });
  const machine = new FakeMachine({ modules: [module('a'), module('b')] });
  deepEqual(calls, ['a', 'b']);
  machine.kexec();
  deepEqual(calls, ['a', 'b', 'a', 'b']);
  deepEqual(leftovers(machine), []);
});

test('a module that registers nothing is a module too', () => {
  const { modules } = kernelWithout();
  modules.load({ name: 'empty', init: () => undefined });
  modules.unload('empty');
  modules.load({ name: 'empty', init: () => undefined });
});

test('two modules of one name are EEXIST', () => {
  const { modules } = kernelWithout();
  modules.load({ name: 'twin', init: () => undefined });
  match(refused('EEXIST', () => modules.load({ name: 'twin', init: () => undefined })).message, /"twin"/);
});

test('a handler without a callback that each must have is EINVAL, and the sentence names it', () => {
  for (const callback of ['canPreserve', 'preserve', 'unpreserve', 'retrieve', 'finish'] as const) {
    const handler = Object.assign(idle(), { [callback]: undefined });
    const { message } = refused('EINVAL', () => new FakeMachine({ modules: [handlerModule(handler)] }));
    match(message, new RegExp(`^Cannot register the file handler "idle-v1": it has no ${callback},`));
  }
});

test('a handler without the callbacks that it may leave out is taken', () => {
  const { canPreserve, preserve, unpreserve, retrieve, finish } = idle();
  const handler: FileHandler<string> = { compatible: 'least-v1', canPreserve, preserve, unpreserve, retrieve, finish };
  deepEqual(leftovers(new FakeMachine({ modules: [handlerModule(handler)] })), []);
});

test('where init fails, the kernel does not boot, and what the module registered is gone', () => {
  const { modules, names, builtIn, parts } = kernelWithout();
  const handler = idle();
  throws(
    () =>
      modules.load({
        name: 'bad',
        init(kernel) {
          kernel.registerFileHandler(handler);
          kernel.registerFlb(handler, kernel.initFlb(new FakeFlb('a-v1')));
          throw failure;
        },
      }),
    failure,
  );
  equal(names().length, builtIn);
  deepEqual([...parts.liveUpdate.flbs.all], []);
  modules.load(handlerModule(handler));
});

test('a module whose init failed can register nothing any more: EAGAIN', () => {
  const { modules } = kernelWithout();
  let kept: ModuleKernel | undefined;
  const bad: KernelModule = {
    name: 'bad',
    init(kernel) {
      kept = kernel;
      throw failure;
    },
  };
  throws(() => modules.load(bad), failure);
  refused('EAGAIN', () => kept?.registerFileHandler(idle()));
});

test('where the init of a module fails, those that were loaded before it end, the last one first', () => {
  const calls: string[] = [];
  const module = (name: string): KernelModule => ({ name, init: () => undefined, exit: () => calls.push(name) });
  const bad: KernelModule = { ...module('bad'), init: () => refuse() };
  const refuse = () => {
    throw failure;
  };
  const options = { profile: 'linux', modules: [module('a'), module('b'), bad, module('c')] } as const;
  throws(() => assembleWithModules(FakeHardware.withPages(64), options), failure);
  deepEqual(calls, ['b', 'a']);
});

test('a module with a handler that is registered cannot be unloaded: EBUSY; afterwards it can', () => {
  const { modules } = kernelWithout();
  const handler = idle();
  let kernel: ModuleKernel | undefined;
  let ended = 0;
  modules.load({
    name: 'module',
    init(one) {
      kernel = one;
      one.registerFileHandler(handler);
    },
    exit: () => {
      ended += 1;
    },
  });
  match(refused('EBUSY', () => modules.unload('module')).message, /1 file handlers of it are registered/);
  equal(ended, 0);
  kernel?.unregisterFileHandler(handler);
  modules.unload('module');
  equal(ended, 1);
  refused('ENOENT', () => modules.unload('module'));
});

test('a module registers nothing while it is unloaded: EAGAIN', () => {
  const { modules, names, builtIn } = kernelWithout();
  let kernel: ModuleKernel | undefined;
  let tried = false;
  modules.load({
    name: 'module',
    init(one) {
      kernel = one;
    },
    exit() {
      tried = true;
      const { message } = refused('EAGAIN', () => kernel?.registerFileHandler(idle()));
      match(message, /the module "module" is being unloaded/);
    },
  });
  modules.unload('module');
  equal(tried, true);
  equal(names().length, builtIn);
});

test('a handler is unregistered once: EINVAL then, as for one that never was', () => {
  const { modules } = kernelWithout();
  modules.load({
    name: 'module',
    init(kernel) {
      const handler = idle();
      kernel.registerFileHandler(handler);
      refused('EINVAL', () => kernel.unregisterFileHandler(idle()));
      kernel.unregisterFileHandler(handler);
      refused('EINVAL', () => kernel.unregisterFileHandler(handler));
    },
  });
});

test('modules end with the kernel, the last one first, whatever they have registered', () => {
  const calls: string[] = [];
  const module = (name: string): KernelModule => ({
    name,
    init: (kernel) => kernel.registerFileHandler(idle(`${name}-v1`)),
    exit: () => calls.push(name),
  });
  const machine = new FakeMachine({ modules: [module('a'), module('b')] });
  machine.kernel.reboot();
  deepEqual(calls, []);
  machine.kernel.shutdown();
  machine.kernel.shutdown();
  deepEqual(calls, ['b', 'a']);
});

test('an exit that throws keeps no file open, and no other module from its exit', () => {
  const calls: string[] = [];
  const module = (name: string): KernelModule => ({ name, init: () => undefined, exit: () => calls.push(name) });
  const bad: KernelModule = {
    ...module('bad'),
    exit() {
      throw failure;
    },
  };
  const machine = new FakeMachine({ modules: [module('a'), bad, module('c')] });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  throws(() => machine.kernel.shutdown(), failure);
  machine.task.closeAll();
  deepEqual(machine.host.open, []);
  deepEqual(calls, ['c', 'a']);
});

test('where init fails, that is what is thrown, whatever the exit of another module throws', () => {
  const leaving: KernelModule = {
    name: 'leaving',
    init: () => undefined,
    exit() {
      throw new KernelError('EIO', 'Cannot leave');
    },
  };
  const bad: KernelModule = {
    name: 'bad',
    init() {
      throw failure;
    },
  };
  const hardware = FakeHardware.withPages(64);
  throws(() => assembleWithModules(hardware, { profile: 'linux', modules: [leaving, bad] }), failure);
  deepEqual(hardware.messages, ['error: The exit of a module failed: KernelError: Cannot leave']);
});

test('what a module says is told with its name', () => {
  const module: KernelModule = { name: 'talker', init: (kernel) => kernel.log('warning', 'It rains.') };
  const machine = new FakeMachine({ modules: [module] });
  deepEqual(machine.hardware.messages, ['warning: talker: It rains.']);
});
