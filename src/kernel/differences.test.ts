/** What docs/differences.md says of luo, where no other test shows it. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE } from '../uapi/fcntl.js';
import { encodeSessionArguments, LIVEUPDATE_IOCTL_RETRIEVE_SESSION } from '../uapi/liveupdate.js';
import { KernelError } from './error.js';
import type { Profile } from './kernel.js';
import { FdtWriter } from './kho/fdt-writer.js';
import { Kho } from './kho/kho.js';
import { LUO_SUBTREE } from './liveupdate/abi.js';
import type { Flb } from './liveupdate/flb.js';
import type { KernelModule, ModuleKernel } from './module.js';
import { FakeMachine, leftovers } from './testing/checked-machine.js';
import { refused } from './testing/expect.js';
import { FakeFlb } from './testing/fake-flb.js';
import { FakeHandler, handlerModule } from './testing/fake-handler.js';
import { PAGE_SIZE } from './units.js';

const profiles = ['linux', 'v5'] as const satisfies Profile[];

const UNREADABLE =
  'error: Cannot read the sessions of the last kernel: Cannot take over token 0x2a of session "vm": no handler is called "fake-v1"';

/** A handler for files of kind `other`, on the machine that there will be. */
function handlerOn(machine: () => FakeMachine): FakeHandler {
  return new FakeHandler(
    () => machine().host,
    () => machine().kernel.hostFile(machine().host.file({ kind: 'other' })),
  );
}

test('v5: a structure for CREATE_SESSION, of 64 bytes, is EINVAL for RETRIEVE_SESSION', () => {
  const machine = new FakeMachine({ profile: 'v5' });
  machine.create(machine.openDevice(), 'vm');
  machine.kexec();
  const device = machine.openDevice();
  const name = new TextEncoder().encode('vm');
  for (const [size, length] of [
    [64, 56],
    [71, 63],
  ] as const) {
    const field = new Uint8Array(length);
    field.set(name);
    const given = encodeSessionArguments({ size, fd: -7, name: field });
    refused('EINVAL', () => machine.call(device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, given));
  }
  machine.retrieve(device, 'vm');
  deepEqual(leftovers(machine), []);
});

/** A kernel that has no handler for the second file of three in the session "vm", which was left to it. */
function withoutHandlerOfSecondFile(profile: Profile): FakeMachine {
  const machine: FakeMachine = new FakeMachine({ profile, modules: [handlerModule(handlerOn(() => machine))] });
  const device = machine.openDevice();
  preserveThree(machine, machine.create(device, 'vm'));
  machine.create(device, 'other');
  machine.kexec({ modules: [] });
  return machine;
}

function preserveThree(machine: FakeMachine, session: number): void {
  machine.preserve(session, machine.memfd('first'), 1n);
  machine.preserve(session, machine.memfd('', { kind: 'other' }), 0x2an);
  machine.preserve(session, machine.memfd('third'), 3n);
}

test('linux: the device is EIO where the second file of three has no handler, and the kernel goes on', () => {
  const machine = withoutHandlerOfSecondFile('linux');
  for (let i = 0; i < 2; i += 1) refused('EIO', () => machine.openDevice());
  deepEqual(machine.kernel.state().incoming, []);
  deepEqual(machine.hardware.messages, [UNREADABLE]);
  machine.kexec();
  machine.openDevice();
  deepEqual(leftovers(machine), []);
});

test('v5: there are no sessions where the second file of three has no handler, and the kernel goes on', () => {
  const machine = withoutHandlerOfSecondFile('v5');
  const device = machine.openDevice();
  for (const name of ['vm', 'other']) refused('ENOENT', () => machine.retrieve(device, name));
  deepEqual(machine.kernel.state().incoming, []);
  deepEqual(machine.hardware.messages, [UNREADABLE]);
  const again = machine.create(device, 'vm');
  machine.preserve(again, machine.memfd('new'), 1n);
  machine.kexec();
  equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n)), 'new');
  deepEqual(leftovers(machine), []);
});

for (const profile of profiles) {
  test(`${profile}: a kernel without a handler of the second file of three is refused before anything is frozen`, () => {
    const handler = handlerOn(() => machine);
    const machine: FakeMachine = new FakeMachine({ profile, modules: [handlerModule(handler)] });
    preserveThree(machine, machine.create(machine.openDevice(), 'vm'));
    const { message } = refused('ENOENT', () => machine.kernel.checkNext({ profile }));
    match(message, /^Cannot hand over token 0x2a of session "vm": the next kernel has no file handler "fake-v1"/);
    deepEqual(handler.calls, ['preserve 1']);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    for (const [token, content] of [
      [1n, 'first'],
      [0x2an, ''],
      [3n, 'third'],
    ] as const) {
      equal(machine.content(machine.retrieveFd(incoming, token)), content);
    }
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: three FLBs of one handler are asked in the order that was measured on Linux 7.3`, () => {
    const calls: string[] = [];
    let boots = 0;
    const module: KernelModule = {
      name: 'three',
      init(kernel) {
        boots += 1;
        const handler = handlerOn(() => machine);
        kernel.registerFileHandler(handler);
        for (const name of ['v0', 'v1', 'v2']) {
          const flb = kernel.initFlb(new FakeFlb(name, calls));
          kernel.registerFlb(handler, flb);
          if (boots > 1) kernel.flbIncoming(flb, () => undefined);
        }
      },
    };
    const machine: FakeMachine = new FakeMachine({ profile, modules: [module] });
    const device = machine.openDevice();
    const preserveTwo = (session: number) => {
      for (const token of [1n, 2n]) machine.preserve(session, machine.memfd('', { kind: 'other' }), token);
    };
    const asked = () => calls.splice(0).map((call) => call.split(' ').slice(0, 2).join(' '));

    const [first, second] = ['first', 'second'].map((name) => machine.create(device, name)) as [number, number];
    preserveTwo(first);
    deepEqual(asked(), ['preserve v0', 'preserve v1', 'preserve v2']);
    preserveTwo(second);
    machine.task.close(first);
    deepEqual(asked(), []);
    machine.task.close(second);
    deepEqual(asked(), ['unpreserve v2', 'unpreserve v1', 'unpreserve v0']);

    for (const name of ['first', 'second']) preserveTwo(machine.create(device, name));
    asked();
    machine.kexec();
    deepEqual(asked(), ['retrieve v0', 'retrieve v1', 'retrieve v2']);
    const after = machine.openDevice();
    machine.finish(machine.retrieve(after, 'first'));
    deepEqual(asked(), []);
    machine.finish(machine.retrieve(after, 'second'));
    deepEqual(asked(), ['finish v2', 'finish v1', 'finish v0']);
    deepEqual(leftovers(machine), []);
  });

  for (const object of [null, undefined]) {
    test(`${profile}: an FLB whose object is nothing is there like any other, and finished once: ${object}`, () => {
      const calls: string[] = [];
      let kernel: ModuleKernel | undefined;
      let flb: Flb<null | undefined> | undefined;
      const module: KernelModule = {
        name: 'tested',
        init(loaded) {
          const handler = handlerOn(() => machine);
          loaded.registerFileHandler(handler);
          flb = loaded.initFlb<null | undefined>({
            compatible: 'nothing-v1',
            preserve: () => ({ data: 5n, object }),
            unpreserve: (preserved) => calls.push(`unpreserve ${preserved.object}`),
            retrieve({ data }) {
              calls.push(`retrieve ${data}`);
              return object;
            },
            finish: (call) => calls.push(`finish ${call.object}`),
          });
          loaded.registerFlb(handler, flb);
          kernel = loaded;
        },
      };
      const machine: FakeMachine = new FakeMachine({ profile, modules: [module] });
      const other = () => machine.memfd('', { kind: 'other' });
      const locked = (direction: 'flbOutgoing' | 'flbIncoming') =>
        kernel![direction](flb!, (lock) => {
          refused('EDEADLK', () => kernel![direction](flb!));
          return lock.object;
        });

      const session = machine.create(machine.openDevice(), 'vm');
      machine.preserve(session, other(), 1n);
      equal(locked('flbOutgoing'), object);
      machine.task.close(session);
      deepEqual(calls.splice(0), [`unpreserve ${object}`]);
      refused('ENOENT', () => locked('flbOutgoing'));

      const again = machine.create(3, 'vm');
      for (const token of [1n, 2n]) machine.preserve(again, other(), token);
      machine.kexec();
      for (let i = 0; i < 2; i += 1) equal(locked('flbIncoming'), object);
      machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
      refused('ENOENT', () => locked('flbIncoming'));
      deepEqual(calls, ['retrieve 5', `finish ${object}`]);
      deepEqual(leftovers(machine), []);
    });
  }

  test(`${profile}: an empty memfd that nobody retrieved is finished without a message`, () => {
    const machine = new FakeMachine({ profile });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd(''), 1n);
    machine.kexec();
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(machine.hardware.messages, []);
    deepEqual(leftovers(machine), []);
  });
}

test('v5: a tree without the node of the FLBs is EINVAL at boot, and the kernel before it goes on', () => {
  const machine = new FakeMachine({ profile: 'v5' });
  machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
  const handover = machine.kernel.reboot();
  const { kernel, hardware } = machine;
  const address = Kho.boot(hardware.ram.slice(), handover.root).subtree(LUO_SUBTREE)!;
  const page = hardware.ram.subarray(address, address + PAGE_SIZE);
  const whole = page.slice();
  page.fill(0).set(treeOfPatch9());
  const { message } = refused('EINVAL', () => machine.boot(handover));
  match(message, /^Cannot read LUO's devicetree: Cannot find node "luo-flb"$/);
  // It is the node alone that was missing.
  page.set(whole);
  kernel.cancelReboot();
  machine.kexec();
  equal(machine.content(machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n)), 'text');
  deepEqual(leftovers(machine), []);
});

test('v5: a file that a session has frozen stays frozen where preserving it in another session fails', () => {
  let failing = 1;
  while (failsAtAllocation(failing)) failing += 1;
  // At least for the table of files, for the array of folios and the list of its pages, and for the memfd's state.
  equal(failing > 4, true);
});

/**
 * Preserves a file in two sessions. In the second one, an allocation fails.
 *
 * @param failing the number of that allocation, the first being 1
 * @returns whether there are as many
 */
function failsAtAllocation(failing: number): boolean {
  const machine = new FakeMachine({ profile: 'v5' });
  const device = machine.openDevice();
  const [first, second] = [machine.create(device, 'first'), machine.create(device, 'second')];
  const memory = machine.memfd('text');
  const { inode } = machine.host.status(machine.task.descriptorAt(memory));
  machine.preserve(first, memory, 1n);
  let allocations = 0;
  machine.hardware.onStep = ({ kind }) => {
    if (kind === 'allocate') allocations += 1;
    if (kind === 'allocate' && allocations === failing) throw new KernelError('ENOMEM', 'Cannot, as the test wants');
  };
  const checkFrozen = () => {
    refused('EPERM', () => machine.kernel.checkResize(inode, 4n, 0n));
    refused('EPERM', () => machine.kernel.checkFallocate(inode));
    refused('EBUSY', () => machine.kernel.checkAddSeals(inode, F_SEAL_WRITE, false));
  };
  try {
    machine.preserve(second, memory, 1n);
    return false;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    equal(error.code, 'ENOMEM');
    checkFrozen();
    machine.task.close(second);
    checkFrozen();
    machine.task.close(first);
    machine.kernel.checkResize(inode, 4n, 0n);
    return true;
  } finally {
    deepEqual(leftovers(machine), []);
  }
}

test('v5: seals stay with a file; a strict kernel gives a copy without them, and the file itself where it has none', () => {
  for (const strict of [false, true]) {
    for (const seals of [0, F_SEAL_SEAL, F_SEAL_GROW | F_SEAL_SHRINK, ALL_SEALS]) {
      const machine = new FakeMachine({ profile: 'v5', strict });
      const memory = machine.memfd('text', { seals });
      const { inode } = machine.host.status(machine.task.descriptorAt(memory));
      machine.preserve(machine.create(machine.openDevice(), 'vm'), memory, 1n);
      machine.kexec();
      const fd = machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n);
      const descriptor = machine.task.descriptorAt(fd);
      equal(machine.host.seals(descriptor), strict ? 0 : seals);
      equal(machine.host.status(descriptor).inode === inode, !strict || seals === 0);
      equal(machine.content(fd), 'text');
      deepEqual(leftovers(machine), []);
    }
  }
});

/** LUO's devicetree as a kernel with the patches 01 to 09 alone writes it. */
function treeOfPatch9(): Uint8Array {
  const tree = new FdtWriter();
  tree.beginNode('');
  tree.propertyString('compatible', 'luo-v1');
  tree.propertyU64('liveupdate-number', 1n);
  tree.beginNode('luo-session');
  tree.propertyString('compatible', 'luo-session-v1');
  tree.propertyU64('luo-session-head', 0n);
  tree.endNode();
  tree.endNode();
  return tree.finish();
}
