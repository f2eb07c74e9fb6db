import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeFileArguments,
  encodeFinishArguments,
  encodeGetNameArguments,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_PRESERVE_FD,
} from '../../uapi/liveupdate.js';
import { FakeMachine, type FakeMachineOptions, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';

/** Runs the steps on a machine with a session, and then nothing may be left. */
function inSession(
  options: FakeMachineOptions,
  steps: (machine: FakeMachine, session: number, device: number) => void,
): void {
  const machine = new FakeMachine(options);
  const device = machine.openDevice();
  steps(machine, machine.create(device, 'vm'), device);
  deepEqual(leftovers(machine), []);
}

const tokens = (machine: FakeMachine) => machine.kernel.state().outgoing[0]?.files.map(({ token }) => token);

for (const profile of ['linux', 'v5'] as const) {
  const on = (steps: Parameters<typeof inSession>[1]) => inSession({ profile }, steps);

  test(`${profile}: a preserved file keeps its token, its size and its place in the order`, () => {
    on((machine, session) => {
      for (const token of [0n, 0xffffffffffffffffn, 1n, 0x8000000000000000n]) {
        machine.preserve(session, machine.memfd('x'.repeat(100)), token);
      }
      deepEqual(tokens(machine), [0n, 0xffffffffffffffffn, 1n, 0x8000000000000000n]);
      equal(machine.kernel.state().preservedBytes, 400n);
    });
  });

  test(`${profile}: a token is used once in a session, and again in another one`, () => {
    on((machine, session, device) => {
      machine.preserve(session, machine.memfd(), 0x1an);
      const { message } = refused('EEXIST', () => machine.preserve(session, machine.memfd(), 0x1an));
      match(message, /^Cannot preserve fd \d+ as token 0x1a in session "vm": the token is used already$/);
      machine.preserve(machine.create(device, 'other'), machine.memfd(), 0x1an);
    });
  });

  test(`${profile}: a used token is EEXIST before a bad descriptor is EBADF`, () => {
    on((machine, session) => {
      machine.preserve(session, machine.memfd(), 1n);
      refused('EEXIST', () => machine.preserve(session, -1, 1n));
      for (const fd of [-1, 77, 2 ** 31 - 1, -(2 ** 31)]) refused('EBADF', () => machine.preserve(session, fd, 2n));
      machine.preserve(session, machine.memfd(), 2n);
    });
  });

  test(`${profile}: a file that no handler takes is ENOENT, and its token stays free`, () => {
    on((machine, session, device) => {
      const others = [
        machine.memfd('', { kind: 'other' }),
        machine.memfd('', { kind: 'hugetlb' }),
        machine.memfd('', { links: 1 }),
        device,
        session,
      ];
      for (const fd of others) refused('ENOENT', () => machine.preserve(session, fd, 1n));
      machine.preserve(session, machine.memfd(), 1n);
    });
  });

  test(`${profile}: an answer that cannot be written is EFAULT, and the file is preserved`, () => {
    on((machine, session) => {
      const given = encodeFileArguments({ size: 16, fd: machine.memfd('text'), token: 1n });
      const address = machine.task.memory.put(given, { writable: false });
      const file = machine.task.fileAt(session);
      refused('EFAULT', () => machine.kernel.ioctl(file, LIVEUPDATE_SESSION_PRESERVE_FD, address, machine.task));
      refused('EEXIST', () => machine.preserve(session, machine.memfd(), 1n));
      equal(machine.kernel.hasFrozenFiles, true);
    });
  });

  test(`${profile}: the arguments of PRESERVE_FD come back as they were`, () => {
    on((machine, session) => {
      const given = encodeFileArguments({ size: 16, fd: machine.memfd(), token: 0x1122334455667788n });
      deepEqual(machine.call(session, LIVEUPDATE_SESSION_PRESERVE_FD, given), given);
    });
  });

  test(`${profile}: a file is frozen until its session is closed`, () => {
    on((machine, session) => {
      const memory = machine.memfd('text');
      const { inode } = machine.host.status(machine.task.descriptorAt(memory));
      machine.preserve(session, memory, 1n);
      refused('EPERM', () => machine.kernel.checkResize(inode, 4n, 5n));
      refused('EPERM', () => machine.kernel.checkFallocate(inode));
      machine.task.close(memory);
      equal(machine.kernel.hasFrozenFiles, true);
      machine.task.close(session);
      equal(machine.kernel.hasFrozenFiles, false);
      machine.kernel.checkResize(inode, 4n, 5n);
    });
  });

  test(`${profile}: commands of the device are not known to a session`, () => {
    on((machine, session) => {
      for (const nr of [0x00, 0x01, 0x3f, 0x44, 0xff]) {
        refused('EINVAL', () => machine.call(session, 0xba00 + nr, new Uint8Array(128).fill(72, 0, 1)));
      }
      refused('ENOTTY', () => machine.call(session, 0xbb42, encodeFinishArguments({ size: 8, reserved: 0 })));
    });
  });
}

test('linux: 130 files pass through a live update in their order', () => {
  inSession({ pages: 1024 }, (machine, session) => {
    const all = Array.from({ length: 130 }, (_, i) => BigInt(1000 - i));
    for (const token of all) machine.preserve(session, machine.memfd(`file ${token}`), token);
    machine.kexec();
    deepEqual(
      machine.kernel.state().incoming[0]?.files.map(({ token }) => token),
      all,
    );
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    for (const token of all) equal(machine.content(machine.retrieveFd(incoming, token)), `file ${token}`);
    machine.finish(incoming);
  });
});

test('v5: there is room for 128 files', () => {
  inSession({ profile: 'v5', pages: 1024 }, (machine, session) => {
    for (let token = 0n; token < 128n; token += 1n) machine.preserve(session, machine.memfd(), token);
    refused('ENOSPC', () => machine.preserve(session, machine.memfd(), 128n));
    refused('EBADF', () => machine.preserve(session, -1, 128n));
    refused('ENOSPC', () => machine.preserve(session, machine.memfd('', { kind: 'other' }), 128n));
  });
});

test('linux: a file is in one session only, through whatever descriptor', () => {
  inSession({}, (machine, session, device) => {
    const memory = machine.memfd('text');
    const descriptor = machine.task.descriptorAt(memory);
    const reopened = machine.task.open(machine.host.reopen(descriptor, 0n));
    machine.preserve(session, memory, 1n);
    const other = machine.create(device, 'other');
    for (const [where, fd] of [
      [session, memory],
      [session, reopened],
      [other, reopened],
    ] as const) {
      refused('EBUSY', () => machine.preserve(where, fd, 2n));
    }
    refused('ENOENT', () => machine.preserve(other, device, 2n));
    machine.task.close(session);
    machine.preserve(other, reopened, 2n);
  });
});

test('v5: a file can have two tokens; closing either session unfreezes it, and nothing is lost at a live update', () => {
  inSession({ profile: 'v5' }, (machine, session, device) => {
    const memory = machine.memfd('text');
    const other = machine.create(device, 'other');
    const third = machine.create(device, 'third');
    machine.preserve(session, memory, 1n);
    machine.preserve(other, memory, 1n);
    machine.preserve(third, memory, 1n);
    machine.task.close(other);
    equal(machine.kernel.hasFrozenFiles, false);
    machine.kexec();
    const after = machine.openDevice();
    equal(machine.content(machine.retrieveFd(machine.retrieve(after, 'vm'), 1n)), 'text');
    equal(machine.content(machine.retrieveFd(machine.retrieve(after, 'third'), 1n)), 'text');
  });
});

test('linux: an outgoing session refuses FINISH and RETRIEVE_FD as a whole', () => {
  inSession({}, (machine, session) => {
    refused('EINVAL', () => machine.finish(session));
    machine.preserve(session, machine.memfd(), 1n);
    refused('EINVAL', () => machine.finish(session));
    refused('EINVAL', () => machine.retrieveFd(session, 1n));
    refused('EINVAL', () => machine.retrieveFd(session, 2n));
    const trailing = new Uint8Array(32).fill(32, 0, 1).fill(1, 31);
    refused('EINVAL', () => machine.call(session, LIVEUPDATE_SESSION_FINISH, trailing));
    deepEqual(tokens(machine), [1n]);
  });
});

test('v5: FINISH lets go of the files of an outgoing session, and RETRIEVE_FD finds none of them', () => {
  inSession({ profile: 'v5' }, (machine, session) => {
    machine.preserve(session, machine.memfd(), 1n);
    refused('ENOENT', () => machine.retrieveFd(session, 1n));
    refused('ENOENT', () => machine.retrieveFd(session, 2n));
    machine.finish(session);
    deepEqual(tokens(machine), []);
    equal(machine.kernel.hasFrozenFiles, false);
    machine.preserve(session, machine.memfd(), 1n);
  });
});

test('v5: FINISH takes 6 bytes and more, and does not look at the reserved ones', () => {
  inSession({ profile: 'v5' }, (machine, session) => {
    const finish = (size: number) =>
      machine.call(session, LIVEUPDATE_SESSION_FINISH, encodeFinishArguments({ size, reserved: 1 }));
    refused('EINVAL', () => finish(5));
    for (const size of [6, 7, 8]) finish(size);
  });
});

test('a session that was closed before the live update is not there after it', () => {
  inSession({}, (machine, session) => {
    machine.task.close(session);
    machine.kexec();
    refused('ENOENT', () => machine.retrieve(machine.openDevice(), 'vm'));
  });
});

test('linux: GET_NAME gives the name and its NUL, and keeps what is after them', () => {
  inSession({}, (machine, session) => {
    const given = encodeGetNameArguments({ size: 72, reserved: 0, name: new Uint8Array(64).fill(0xaa) });
    const answer = machine.call(session, LIVEUPDATE_SESSION_GET_NAME, given);
    given.set([0x76, 0x6d, 0], 8);
    deepEqual(answer, given);
    const reserved = encodeGetNameArguments({ size: 72, reserved: 1, name: new Uint8Array(64) });
    refused('EINVAL', () => machine.call(session, LIVEUPDATE_SESSION_GET_NAME, reserved));
    refused('EINVAL', () => machine.call(session, LIVEUPDATE_SESSION_GET_NAME, new Uint8Array(72).fill(71, 0, 1)));
  });
});

test('v5: there is no GET_NAME', () => {
  inSession({ profile: 'v5' }, (machine, session) => {
    refused('EINVAL', () => machine.getName(session));
  });
});
