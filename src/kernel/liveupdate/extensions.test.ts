import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { io } from '../../uapi/ioctl.js';
import {
  encodeUnpreserveArguments,
  encodeWordArguments,
  LUO_IOCTL_GET_STATE,
  LUO_SESSION_GET_STATE,
  LUO_SESSION_SET_EVENT,
  LUO_SESSION_UNPRESERVE_FD,
  LuoState,
} from '../../uapi/liveupdate-extensions.js';
import { KernelError } from '../error.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { FakeHandler, handlerModule } from '../testing/fake-handler.js';
import { PassingModule } from '../testing/passing-module.js';

const failure = new KernelError('EAGAIN', 'Cannot, as the test wants');

const states = (machine: FakeMachine, device: number, ...sessions: number[]) => [
  machine.getState(device, LUO_IOCTL_GET_STATE),
  ...sessions.map((session) => machine.getState(session, LUO_SESSION_GET_STATE)),
];

/** A machine whose files of kind `other` write everything down. */
function withHandler(profile: 'linux' | 'v5') {
  const restore = () => machine.kernel.hostFile(machine.host.file({ kind: 'other' }));
  const handler = new FakeHandler(() => machine.host, restore);
  const machine: FakeMachine = new FakeMachine({ profile, extend: true, modules: [handlerModule(handler)] });
  const other = () => machine.memfd('', { kind: 'other' });
  return { machine, handler, other };
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: none of the commands is there where they were not asked for`, () => {
    const machine = new FakeMachine({ profile });
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    refused('EINVAL', () => machine.getState(device, LUO_IOCTL_GET_STATE));
    refused('EINVAL', () => machine.getState(session, LUO_SESSION_GET_STATE));
    refused('EINVAL', () => machine.setEvent(session, 'freeze'));
    refused('EINVAL', () => machine.unpreserve(session, 1n));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a command is there on the descriptor that it is for, and with its own size only`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    const word = (size: number, value = 0) => encodeWordArguments({ size, word: value });
    for (const command of [LUO_SESSION_GET_STATE, LUO_SESSION_SET_EVENT, LUO_SESSION_UNPRESERVE_FD]) {
      refused('EINVAL', () => machine.call(device, command, word(8)));
      refused('EINVAL', () => machine.call(session, command, word(7)));
      refused('EINVAL', () => machine.call(session, command, word(0)));
      refused('ENOTTY', () => machine.call(session, (command & ~0xff00) | 0xbb00, word(8)));
      const long = new Uint8Array(24);
      new DataView(long.buffer).setUint32(0, 24, true);
      long[23] = 1;
      refused('E2BIG', () => machine.call(session, command, long));
    }
    refused('EINVAL', () => machine.call(session, LUO_IOCTL_GET_STATE, word(8)));
    refused('EINVAL', () => machine.call(device, LUO_IOCTL_GET_STATE, word(4)));
    refused('EINVAL', () => machine.call(device, io(0xba, 0x81), word(8)));
    refused('EINVAL', () => machine.call(session, io(0xba, 0xc3), word(8)));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: the states of the machine and of its sessions follow what happens`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    const device = machine.openDevice();
    const [vm, empty] = [machine.create(device, 'vm'), machine.create(device, 'empty')];
    const { normal, prepared, frozen, updated } = LuoState;
    deepEqual(states(machine, device, vm, empty), [normal, normal, normal]);
    machine.preserve(vm, machine.memfd('text'), 1n);
    deepEqual(states(machine, device, vm, empty), [prepared, prepared, normal]);
    machine.setEvent(vm, 'freeze');
    deepEqual(states(machine, device, vm, empty), [prepared, frozen, normal]);
    machine.kernel.reboot();
    equal(machine.kernel.state().state, 'frozen');
    machine.kernel.cancelReboot();
    machine.setEvent(vm, 'cancel');
    deepEqual(states(machine, device, vm, empty), [prepared, prepared, normal]);
    machine.kexec();
    const after = machine.openDevice();
    const incoming = machine.retrieve(after, 'vm');
    deepEqual(states(machine, after, incoming), [updated, updated]);
    const outgoing = machine.create(after, 'next');
    machine.preserve(outgoing, machine.memfd('more'), 2n);
    deepEqual(states(machine, after, incoming, outgoing), [updated, updated, prepared]);
    machine.finish(incoming);
    deepEqual(states(machine, after, incoming, outgoing), [prepared, normal, prepared]);
    machine.retrieve(after, 'empty');
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: FINISH of a session leaves it as one that has nothing yet`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    machine.preserve(machine.create(machine.openDevice(), 'vm'), machine.memfd('text'), 1n);
    machine.kexec();
    const device = machine.openDevice();
    const incoming = machine.retrieve(device, 'vm');
    machine.setEvent(incoming, 'finish');
    deepEqual(states(machine, device, incoming), [LuoState.normal, LuoState.normal]);
    refused('ENOENT', () => machine.retrieveFd(incoming, 1n));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: UNPRESERVE_FD lets go of one file, and its token and the file are free again`, () => {
    const { machine, handler, other } = withHandler(profile);
    const session = machine.create(machine.openDevice(), 'vm');
    const file = other();
    machine.preserve(session, file, 1n);
    machine.preserve(session, other(), 2n);
    machine.unpreserve(session, 1n);
    deepEqual(handler.calls, ['preserve 1', 'preserve 2', 'unpreserve 1']);
    refused('ENOENT', () => machine.unpreserve(session, 1n));
    machine.preserve(session, file, 1n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    deepEqual(
      machine.kernel.state().incoming[0]?.files.map(({ token }) => token),
      [2n, 1n],
    );
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: UNPRESERVE_FD of the last file lets go of the FLBs and of all memory`, () => {
    const machine = new FakeMachine({ profile, extend: true, modules: [new PassingModule('a-v1')] });
    const session = machine.create(machine.openDevice(), 'vm');
    const held = machine.kernel.leaks();
    machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n);
    machine.preserve(session, machine.memfd('text'), 2n);
    machine.unpreserve(session, 1n);
    deepEqual(
      machine.kernel.leaks().filter((leak) => leak.includes('FLB')),
      [],
    );
    machine.unpreserve(session, 2n);
    deepEqual(machine.kernel.leaks(), held);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: UNPRESERVE_FD with reserved bits or on an incoming session is EINVAL`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    const given = encodeUnpreserveArguments({ size: 16, reserved: 1, token: 1n });
    refused('EINVAL', () => machine.call(session, LUO_SESSION_UNPRESERVE_FD, given));
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    match(refused('EINVAL', () => machine.unpreserve(incoming, 1n)).message, /session "vm" is incoming$/);
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: an event that makes no sense on that side is EINVAL, and so is one that is not known`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    const session = machine.create(machine.openDevice(), 'vm');
    refused('EINVAL', () => machine.setEvent(session, 'finish'));
    for (const word of [4, 0xffff_ffff]) {
      const given = encodeWordArguments({ size: 8, word });
      refused('EINVAL', () => machine.call(session, LUO_SESSION_SET_EVENT, given));
    }
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    for (const event of ['prepare', 'freeze', 'cancel'] as const) {
      refused('EINVAL', () => machine.setEvent(incoming, event));
    }
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: PREPARE does nothing, and FREEZE and CANCEL do nothing the second time`, () => {
    const { machine, handler, other } = withHandler(profile);
    const session = machine.create(machine.openDevice(), 'vm');
    machine.setEvent(session, 'cancel');
    machine.preserve(session, other(), 1n);
    machine.preserve(session, other(), 2n);
    handler.calls.length = 0;
    machine.setEvent(session, 'prepare');
    for (const event of ['freeze', 'freeze', 'cancel', 'cancel'] as const) machine.setEvent(session, event);
    deepEqual(handler.calls, ['freeze 1', 'freeze 2', 'unfreeze 2', 'unfreeze 1']);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session that is frozen takes no file and lets none go: EBUSY, until it is cancelled`, () => {
    const { machine, other } = withHandler(profile);
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, other(), 1n);
    machine.setEvent(session, 'freeze');
    const more = other();
    match(refused('EBUSY', () => machine.preserve(session, more, 2n)).message, /^Cannot preserve fd \d+ as token 0x2 /);
    refused('EEXIST', () => machine.preserve(session, more, 1n));
    match(
      refused('EBUSY', () => machine.unpreserve(session, 1n)).message,
      /^Cannot let go of token 0x1 in session "vm"/,
    );
    machine.setEvent(session, 'cancel');
    machine.preserve(session, more, 2n);
    machine.unpreserve(session, 1n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a FREEZE that fails is undone and says what the handler says`, () => {
    const { machine, handler, other } = withHandler(profile);
    const session = machine.create(machine.openDevice(), 'vm');
    for (const token of [1n, 2n, 3n]) machine.preserve(session, other(), token);
    handler.calls.length = 0;
    handler.failures.set('freeze 3', failure);
    refused('EAGAIN', () => machine.setEvent(session, 'freeze'));
    deepEqual(handler.calls, ['freeze 1', 'freeze 2', 'freeze 3', 'unfreeze 2', 'unfreeze 1']);
    equal(machine.getState(session, LUO_SESSION_GET_STATE), LuoState.prepared);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a session that a program froze stays frozen when a live update fails elsewhere`, () => {
    const { machine, handler, other } = withHandler(profile);
    const device = machine.openDevice();
    const [first, second, third] = ['first', 'second', 'third'].map((name) => machine.create(device, name));
    for (const session of [first, second, third]) machine.preserve(session!, other(), 1n);
    machine.setEvent(second!, 'freeze');
    handler.calls.length = 0;
    handler.failures.set('freeze 3', failure);
    throws(() => machine.kernel.reboot(), failure);
    deepEqual(handler.calls, ['freeze 1', 'freeze 3', 'unfreeze 1']);
    const { prepared, frozen } = LuoState;
    deepEqual(states(machine, device, first!, second!, third!), [prepared, prepared, frozen, prepared]);
    handler.failures.clear();
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    deepEqual(states(machine, device, first!, second!, third!), [prepared, prepared, frozen, prepared]);
    machine.kexec();
    const after = machine.openDevice();
    for (const name of ['first', 'second', 'third']) machine.retrieve(after, name);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a live update hands over what a program froze as it was then`, () => {
    const machine = new FakeMachine({ profile, extend: true });
    const session = machine.create(machine.openDevice(), 'vm');
    const file = machine.memfd('text');
    machine.preserve(session, file, 1n);
    machine.host.seek(machine.task.descriptorAt(file), 1n);
    machine.setEvent(session, 'freeze');
    machine.host.seek(machine.task.descriptorAt(file), 2n);
    machine.kexec();
    const restored = machine.retrieveFd(machine.retrieve(machine.openDevice(), 'vm'), 1n);
    equal(machine.host.position(machine.task.descriptorAt(restored)), 1n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a frozen session that is closed is unfrozen, and lets go of its files`, () => {
    const { machine, handler, other } = withHandler(profile);
    const device = machine.openDevice();
    const session = machine.create(device, 'vm');
    machine.preserve(session, other(), 1n);
    machine.preserve(session, other(), 2n);
    machine.setEvent(session, 'freeze');
    handler.calls.length = 0;
    machine.task.close(session);
    deepEqual(handler.calls, ['unfreeze 2', 'unfreeze 1', 'unpreserve 2', 'unpreserve 1']);
    machine.create(device, 'vm');
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: FINISH of a session whose file is not ready is EBUSY, and nothing has changed`, () => {
    const { machine, handler, other } = withHandler(profile);
    machine.preserve(machine.create(machine.openDevice(), 'vm'), other(), 1n);
    machine.kexec();
    const session = machine.retrieve(machine.openDevice(), 'vm');
    handler.unfinished.add(1n);
    refused('EBUSY', () => machine.setEvent(session, 'finish'));
    equal(machine.getState(session, LUO_SESSION_GET_STATE), LuoState.updated);
    handler.unfinished.clear();
    machine.setEvent(session, 'finish');
    deepEqual(leftovers(machine), []);
  });
}
