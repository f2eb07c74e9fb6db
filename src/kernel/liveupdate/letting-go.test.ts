/** `unpreserve` and `finish` have nobody to tell that they failed: the session goes all the same, with all its files. */
import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import type { KernelModule, ModuleKernel, PreserveCall } from '../module.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { FakeHandler, handlerModule } from '../testing/fake-handler.js';
import { PassingModule } from '../testing/passing-module.js';

const failure = new KernelError('EIO', 'It cannot');

function machineWithThreeFiles(failing?: string, thrown: Error = failure) {
  let machine: FakeMachine;
  const handler = new FakeHandler(
    () => machine.host,
    () => machine.kernel.hostFile(machine.host.file({ kind: 'other' })),
  );
  machine = new FakeMachine({ modules: [handlerModule(handler)] });
  const session = machine.create(machine.openDevice(), 'vm');
  for (const token of [1n, 2n, 3n]) machine.preserve(session, machine.memfd('', { kind: 'other' }), token);
  // Any exception will do; the map is of those that the kernel expects.
  if (failing) handler.failures.set(failing, thrown as KernelError);
  handler.calls.length = 0;
  return { machine, handler, session };
}

test('an unpreserve that fails is told, and the files before it are let go of', () => {
  const { machine, handler, session } = machineWithThreeFiles('unpreserve 2');
  machine.task.close(session);
  deepEqual(handler.calls, ['unpreserve 3', 'unpreserve 2', 'unpreserve 1']);
  deepEqual(machine.hardware.messages, ['warning: Cannot unpreserve all of token 0x2 of session "vm": It cannot']);
  deepEqual(leftovers(machine), []);
});

test('a finish that fails is told, and the files before it are finished', () => {
  const { machine, handler } = machineWithThreeFiles('finish 2 unretrieved');
  machine.kexec();
  const session = machine.retrieve(machine.openDevice(), 'vm');
  handler.calls.length = 0;
  machine.finish(session);
  deepEqual(
    handler.calls.filter((call) => call.startsWith('finish')),
    ['finish 3 unretrieved', 'finish 2 unretrieved', 'finish 1 unretrieved'],
  );
  match(
    machine.hardware.messages[0] ?? '',
    /^warning: Lost something as token 0x2 of session "vm" was finished: It cannot$/,
  );
  equal(machine.kernel.state().incoming[0]?.files.length, 0);
  deepEqual(leftovers(machine), []);
});

test('an unfreeze that fails is told, and the files before it are unfrozen', () => {
  const { machine, handler } = machineWithThreeFiles('unfreeze 2');
  machine.kernel.reboot();
  machine.kernel.cancelReboot();
  deepEqual(handler.calls.slice(-3), ['unfreeze 3', 'unfreeze 2', 'unfreeze 1']);
  deepEqual(machine.hardware.messages, ['warning: Cannot unfreeze all of token 0x2 of session "vm": It cannot']);
  deepEqual(leftovers(machine), []);
});

test('an FLB whose unpreserve fails is told, and preserved again with the next file', () => {
  const { machine, handler, session } = machineWithThreeFiles();
  const calls: string[] = [];
  const module: KernelModule = {
    name: 'flb',
    init(kernel) {
      const flb = kernel.initFlb({
        compatible: 'flb-v1',
        preserve: () => ({ data: BigInt(calls.push('preserve')), object: calls }),
        unpreserve() {
          calls.push('unpreserve');
          throw failure;
        },
        retrieve: () => calls,
        finish: () => undefined,
      });
      kernel.registerFileHandler(handler);
      kernel.registerFlb(handler, flb);
    },
  };
  machine.task.close(session);
  machine.kexec({ modules: [module] });
  const device = machine.openDevice();
  for (const name of ['a', 'b']) {
    const next = machine.create(device, name);
    machine.preserve(next, machine.memfd('', { kind: 'other' }), 0x1an);
    machine.task.close(next);
  }
  deepEqual(calls, ['preserve', 'unpreserve', 'preserve', 'unpreserve']);
  const lost = 'warning: Lost an FLB as token 0x1a of session "a" was unpreserved: It cannot';
  deepEqual(machine.hardware.messages, [lost, lost.replace('"a"', '"b"')]);
  deepEqual(leftovers(machine), []);
});

test('a lock of an FLB that was not given back is told, and does not keep the FLB', () => {
  const module = new PassingModule('a-v1');
  const machine = new FakeMachine({ modules: [module] });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n);
  const { kernel, flbs } = module.loaded[0]!;
  kernel.flbOutgoing(flbs[0]!);
  machine.task.close(session);
  deepEqual(machine.hardware.messages, [
    'warning: passing: The lock of the FLB "a-v1" was not given back, and its last file is gone',
  ]);
  deepEqual(leftovers(machine), []);
});

test('a file that is preserved under two tokens keeps the one when the other is let go of', () => {
  const calls: PreserveCall[] = [];
  let inside: ModuleKernel | undefined;
  const module: KernelModule = {
    name: 'any',
    init(kernel) {
      inside = kernel;
      kernel.registerFileHandler({
        compatible: 'any-v1',
        canPreserve: () => true,
        preserve: (call) => ({ serializedData: BigInt(calls.push(call)), privateData: undefined }),
        unpreserve: () => undefined,
        retrieve: ({ serializedData }) => calls[Number(serializedData)]!.file,
        finish: () => undefined,
      });
    },
  };
  const machine = new FakeMachine({ profile: 'v5', extend: true, modules: [module] });
  const device = machine.openDevice();
  const session = machine.create(device, 'vm');
  // A file of the kernel is the very same object each time.
  for (const token of [1n, 2n]) machine.preserve(session, device, token);
  machine.unpreserve(session, 1n);
  equal(inside!.getTokenOutgoing(calls[0]!.session, calls[0]!.file), 2n);
});

test('any other exception is a bug of the handler, and reaches whoever runs the kernel', () => {
  const { machine, session } = machineWithThreeFiles('unpreserve 2', new TypeError('it is not a function'));
  throws(() => machine.task.close(session), TypeError);
  machine.kernel.shutdown();
});
