import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeSessionArguments,
  encodeSessionArguments,
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
} from '../../uapi/liveupdate.js';
import { FakeMachine, type FakeMachineOptions, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';

/** Runs the steps, and then nothing may be left. */
function onMachine(options: FakeMachineOptions, steps: (machine: FakeMachine, device: number) => void): void {
  const machine = new FakeMachine(options);
  steps(machine, machine.openDevice());
  deepEqual(leftovers(machine), []);
}

function sessionArguments(name: string, size = 72, length = 64): Uint8Array {
  const field = new Uint8Array(length);
  field.set(new TextEncoder().encode(name));
  return encodeSessionArguments({ size, fd: -7, name: field });
}

const names = (machine: FakeMachine) =>
  machine.kernel.state().outgoing.map(({ name }) => new TextDecoder().decode(name));

for (const profile of ['linux', 'v5'] as const) {
  const on = (steps: Parameters<typeof onMachine>[1]) => onMachine({ profile }, steps);

  test(`${profile}: the device has one opener at a time`, () => {
    on((machine, device) => {
      refused('EBUSY', () => machine.openDevice());
      machine.task.close(device);
      machine.openDevice();
    });
  });

  test(`${profile}: a second session of a name is EEXIST until the first is closed`, () => {
    on((machine, device) => {
      const first = machine.create(device, 'vm');
      refused('EEXIST', () => machine.create(device, 'vm'));
      machine.create(device, 'VM');
      machine.task.close(first);
      machine.create(device, 'vm');
    });
  });

  test(`${profile}: a session outlives the device's descriptor`, () => {
    on((machine, device) => {
      machine.create(device, 'vm');
      machine.task.close(device);
      refused('EEXIST', () => machine.create(machine.openDevice(), 'vm'));
    });
  });

  test(`${profile}: an empty name is EINVAL, and any other bytes are a name`, () => {
    on((machine, device) => {
      refused('EINVAL', () => machine.create(device, ''));
      const bytes = Uint8Array.from({ length: 55 }, (_, i) => 0xff - i);
      machine.create(device, bytes);
      machine.create(device, Uint8Array.of(0xc3, 0x28, 0xff));
      machine.create(device, '/dev/../name');
      deepEqual(machine.kernel.state().outgoing[0]?.name, bytes);
      refused('EEXIST', () => machine.create(device, bytes));
    });
  });

  test(`${profile}: a session that was not left by the last kernel is ENOENT`, () => {
    on((machine, device) => {
      machine.create(device, 'vm');
      refused('ENOENT', () => machine.retrieve(device, 'vm'));
      refused('ENOENT', () => machine.retrieve(device, 'n'.repeat(64)));
    });
  });

  test(`${profile}: a session that the program has no descriptor for is not created`, () => {
    on((machine, device) => {
      machine.task.limit = 1;
      refused('EMFILE', () => machine.create(device, 'vm'));
      refused('EMFILE', () => machine.create(device, ''));
      refused('EMFILE', () => machine.retrieve(device, 'unknown'));
      machine.task.limit = 9;
      machine.create(device, 'vm');
    });
  });

  test(`${profile}: a session is not created where its number cannot be written`, () => {
    on((machine, device) => {
      const given = profile === 'v5' ? sessionArguments('vm', 64, 56) : sessionArguments('vm');
      const address = machine.task.memory.put(given, { writable: false });
      const call = () =>
        machine.kernel.ioctl(machine.task.fileAt(device), LIVEUPDATE_IOCTL_CREATE_SESSION, address, machine.task);
      refused('EFAULT', call);
      machine.task.limit = 1;
      refused('EMFILE', call);
      machine.task.limit = 9;
      deepEqual(names(machine), []);
      machine.create(device, 'vm');
    });
  });

  test(`${profile}: a session is not created for a program that died`, () => {
    on((machine, device) => {
      machine.task.death = new Error('the program is gone');
      try {
        machine.create(device, 'vm');
      } catch (error) {
        equal(error, machine.task.death);
      }
      machine.task.death = undefined;
      deepEqual(names(machine), []);
    });
  });

  test(`${profile}: commands of sessions are not known to the device`, () => {
    on((machine, device) => {
      for (const command of [0xba40, 0xba41, 0xba42, 0xba43, 0xba02, 0xbaff]) {
        refused('EINVAL', () => machine.call(device, command, sessionArguments('vm')));
      }
      refused('ENOTTY', () => machine.call(device, 0xbb00, sessionArguments('vm')));
    });
  });

  test(`${profile}: 800 sessions pass through a live update in their order`, () => {
    onMachine({ profile, pages: 1024 }, (machine, device) => {
      for (let i = 0; i < 800; i += 1) machine.create(device, `session ${i}`);
      machine.kexec();
      const incoming = machine.kernel.state().incoming.map(({ name }) => new TextDecoder().decode(name));
      deepEqual(
        incoming,
        Array.from({ length: 800 }, (_, i) => `session ${i}`),
      );
      const after = machine.openDevice();
      for (let i = 0; i < 800; i += 1) machine.retrieve(after, `session ${i}`);
    });
  });

  test(`${profile}: the program is asked for room only where it would fail otherwise`, () => {
    on((machine, device) => {
      machine.create(device, 'vm');
      equal(machine.task.roomAsked, 0);
    });
  });
}

test('linux: a name has 63 bytes and a NUL', () => {
  onMachine({}, (machine, device) => {
    machine.create(device, 'n'.repeat(63));
    refused('EINVAL', () => machine.create(device, 'm'.repeat(64)));
    machine.kexec();
    machine.retrieve(machine.openDevice(), 'n'.repeat(63));
  });
});

test('linux: the arguments of CREATE_SESSION have 72 bytes, or exactly 64', () => {
  onMachine({}, (machine, device) => {
    const create = (given: Uint8Array) => machine.call(device, LIVEUPDATE_IOCTL_CREATE_SESSION, given);
    for (const size of [0, 4, 63, 65, 71]) refused('EINVAL', () => create(sessionArguments('vm', size)));
    const given = new Uint8Array(80).fill(0xee);
    given.set(sessionArguments('old program', 64, 56));
    const answer = create(given);
    equal(decodeSessionArguments(answer).fd, 4);
    deepEqual(answer.subarray(64), given.subarray(64), 'nothing is read or written after the 64 bytes');
    deepEqual(names(machine), ['old program']);
  });
});

test('linux: RETRIEVE_SESSION takes 72 bytes and more', () => {
  onMachine({}, (machine, device) => {
    const retrieve = (given: Uint8Array) => machine.call(device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, given);
    for (const size of [0, 64, 71]) refused('EINVAL', () => retrieve(sessionArguments('vm', size)));
    const longer = new Uint8Array(80);
    longer.set(sessionArguments('vm', 80));
    refused('ENOENT', () => retrieve(longer));
    longer[72] = 1;
    refused('E2BIG', () => retrieve(longer));
  });
});

test('v5: a name has 55 bytes and a NUL, in a structure of 64 bytes', () => {
  onMachine({ profile: 'v5' }, (machine, device) => {
    machine.create(device, 'n'.repeat(55));
    refused('EINVAL', () => machine.create(device, 'm'.repeat(56)));
    const create = (given: Uint8Array) => machine.call(device, LIVEUPDATE_IOCTL_CREATE_SESSION, given);
    refused('EINVAL', () => create(sessionArguments('vm', 63, 56)));
    create(sessionArguments('72 bytes'));
    const nonzero = sessionArguments('more');
    nonzero[71] = 1;
    refused('E2BIG', () => create(nonzero));
  });
});

test('v5: there is room for 819 sessions', () => {
  onMachine({ profile: 'v5' }, (machine, device) => {
    for (let i = 0; i < 819; i += 1) machine.create(device, `session ${i}`);
    refused('ENOMEM', () => machine.create(device, 'one more'));
    refused('EEXIST', () => machine.create(device, 'session 5'));
  });
});

test('linux: sessions are limited by RAM alone, and one that did not fit leaves nothing', () => {
  onMachine({ pages: 16 }, (machine, device) => {
    let created = 0;
    const more = () => {
      for (; created < 5000; created += 1) machine.create(device, `session ${created}`);
    };
    refused('ENOMEM', more);
    equal(machine.kernel.state().outgoing.length, created);
  });
});
