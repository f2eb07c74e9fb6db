import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeFileArguments,
  encodeFinishArguments,
  encodeSessionArguments,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
} from '../../uapi/liveupdate.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';

type Profile = 'linux' | 'v5';

/** Runs the steps after a live update of a session "vm" with files of the tokens 1, 2 and 3. Nothing may be left. */
function afterKexec(profile: Profile, steps: (machine: FakeMachine, device: number) => void): void {
  const machine = new FakeMachine({ profile });
  const session = machine.create(machine.openDevice(), 'vm');
  for (const token of [1n, 2n, 3n]) machine.preserve(session, machine.memfd(`file ${token}`), token);
  machine.kexec();
  steps(machine, machine.openDevice());
  machine.task.closeAll();
  // What nobody asked for is finished, too.
  for (const { name } of machine.kernel.state().incoming) machine.retrieve(machine.openDevice(), name);
  deepEqual(leftovers(machine), []);
}

/** An ioctl with arguments that cannot be written. */
function withReadOnlyArguments(machine: FakeMachine, fd: number, command: number, given: Uint8Array): () => number {
  const address = machine.task.memory.put(given, { writable: false });
  return () => machine.kernel.ioctl(machine.task.fileAt(fd), command, address, machine.task);
}

function retrieveArguments(name: string): Uint8Array {
  const field = new Uint8Array(64);
  field.set(new TextEncoder().encode(name));
  return encodeSessionArguments({ size: 72, fd: -7, name: field });
}

for (const profile of ['linux', 'v5'] as const) {
  const on = (steps: Parameters<typeof afterKexec>[1]) => afterKexec(profile, steps);

  test(`${profile}: a session can be retrieved once`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      refused('EINVAL', () => machine.retrieve(device, 'vm'));
      machine.finish(session);
      refused('EINVAL', () => machine.retrieve(device, 'vm'));
      machine.task.close(session);
      refused('ENOENT', () => machine.retrieve(device, 'vm'));
    });
  });

  test(`${profile}: files can be retrieved in any order, and again: the same open file`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      const fds = [3n, 1n, 2n].map((token) => machine.retrieveFd(session, token));
      deepEqual(
        fds.map((fd) => machine.content(fd)),
        ['file 3', 'file 1', 'file 2'],
      );
      const [third = 0] = fds;
      const again = machine.retrieveFd(session, 3n);
      notEqual(again, third);
      machine.host.seek(machine.task.descriptorAt(third), 5n);
      equal(machine.host.position(machine.task.descriptorAt(again)), 5n);
      machine.task.close(third);
      machine.task.close(again);
      equal(machine.host.position(machine.task.descriptorAt(machine.retrieveFd(session, 3n))), 5n);
    });
  });

  test(`${profile}: a token that is not there is ENOENT`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      refused('ENOENT', () => machine.retrieveFd(session, 4n));
      machine.finish(session);
      refused('ENOENT', () => machine.retrieveFd(session, 1n));
    });
  });

  test(`${profile}: finishing twice is no error, and what was retrieved stays`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      const memory = machine.retrieveFd(session, 2n);
      for (let i = 0; i < 3; i += 1) machine.finish(session);
      equal(machine.content(memory), 'file 2');
      machine.task.close(session);
      equal(machine.content(memory), 'file 2');
    });
  });

  test(`${profile}: closing a session finishes it`, () => {
    on((machine, device) => {
      machine.task.close(machine.retrieve(device, 'vm'));
      refused('ENOENT', () => machine.retrieve(device, 'vm'));
      deepEqual(machine.kernel.state().incoming, []);
    });
  });

  test(`${profile}: a session outlives the device, and its name is taken meanwhile`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      machine.task.close(device);
      equal(machine.content(machine.retrieveFd(session, 1n)), 'file 1');
      refused('EINVAL', () => machine.retrieve(machine.openDevice(), 'vm'));
    });
  });

  test(`${profile}: an incoming and an outgoing session may have the same name`, () => {
    on((machine, device) => {
      const outgoing = machine.create(device, 'vm');
      refused('EEXIST', () => machine.create(device, 'vm'));
      const incoming = machine.retrieve(device, 'vm');
      equal(machine.content(machine.retrieveFd(incoming, 1n)), 'file 1');
      machine.task.close(outgoing);
      machine.create(device, 'vm');
    });
  });

  test(`${profile}: with no room for a descriptor, EMFILE comes first and nothing is lost`, () => {
    on((machine, device) => {
      machine.task.limit = 1;
      refused('EMFILE', () => machine.retrieve(device, 'vm'));
      refused(
        'EMFILE',
        withReadOnlyArguments(machine, device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, retrieveArguments('vm')),
      );
      machine.task.limit = 2;
      const session = machine.retrieve(device, 'vm');
      for (const token of [1n, 9n]) refused('EMFILE', () => machine.retrieveFd(session, token));
      machine.task.limit = 3;
      equal(machine.content(machine.retrieveFd(session, 1n)), 'file 1');
    });
  });

  test(`${profile}: a session is not lost with a program that died as it retrieved it`, () => {
    on((machine, device) => {
      machine.task.death = new Error('the program is gone');
      try {
        machine.retrieve(device, 'vm');
      } catch (error) {
        equal(error, machine.task.death);
      }
      machine.task.death = undefined;
      machine.retrieve(device, 'vm');
    });
  });

  test(`${profile}: retrieving a session into memory that cannot be written loses the session`, () => {
    on((machine, device) => {
      refused(
        'EFAULT',
        withReadOnlyArguments(machine, device, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, retrieveArguments('vm')),
      );
      refused('ENOENT', () => machine.retrieve(device, 'vm'));
    });
  });

  test(`${profile}: retrieving a file into memory that cannot be written loses nothing`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      const given = encodeFileArguments({ size: 16, fd: -7, token: 1n });
      refused('EFAULT', withReadOnlyArguments(machine, session, LIVEUPDATE_SESSION_RETRIEVE_FD, given));
      equal(machine.content(machine.retrieveFd(session, 1n)), 'file 1');
    });
  });

  test(`${profile}: finishing into memory that cannot be written finishes`, () => {
    on((machine, device) => {
      const session = machine.retrieve(device, 'vm');
      const given = encodeFinishArguments({ size: 8, reserved: 0 });
      refused('EFAULT', withReadOnlyArguments(machine, session, LIVEUPDATE_SESSION_FINISH, given));
      refused('ENOENT', () => machine.retrieveFd(session, 1n));
    });
  });

  test(`${profile}: sessions that nobody asked for end with the kernel`, () => {
    const machine = new FakeMachine({ profile });
    const session = machine.create(machine.openDevice(), 'vm');
    machine.preserve(session, machine.memfd('text'), 1n);
    machine.kexec();
    machine.kexec();
    deepEqual(machine.kernel.state().incoming, []);
    deepEqual(leftovers(machine), []);
  });
}

test('linux: FINISH with a reserved bit is EINVAL, and finishes nothing', () => {
  afterKexec('linux', (machine, device) => {
    const session = machine.retrieve(device, 'vm');
    for (const reserved of [1, 0x100, 0x10000, 0x80000000]) {
      const given = encodeFinishArguments({ size: 8, reserved });
      refused('EINVAL', () => machine.call(session, LIVEUPDATE_SESSION_FINISH, given));
    }
    machine.retrieveFd(session, 1n);
    machine.finish(session);
  });
});

test('linux: an incoming session refuses PRESERVE_FD as a whole', () => {
  afterKexec('linux', (machine, device) => {
    const session = machine.retrieve(device, 'vm');
    refused('EINVAL', () => machine.preserve(session, machine.memfd(), 9n));
    refused('EINVAL', () => machine.preserve(session, -1, 1n));
    machine.finish(session);
    refused('EINVAL', () => machine.preserve(session, machine.memfd(), 9n));
  });
});

test('v5: a file that is preserved in an incoming session is let go of when that is finished', () => {
  afterKexec('v5', (machine, device) => {
    const session = machine.retrieve(device, 'vm');
    refused('EEXIST', () => machine.preserve(session, machine.memfd(), 1n));
    machine.preserve(session, machine.memfd('joined'), 9n);
    refused('EEXIST', () => machine.preserve(session, machine.memfd(), 9n));
    refused('ENOENT', () => machine.retrieveFd(session, 9n));
    equal(machine.kernel.hasFrozenFiles, true);
    machine.finish(session);
    equal(machine.kernel.hasFrozenFiles, false);
  });
});

test('linux: a retrieved file cannot be preserved again before its session is finished or closed', () => {
  afterKexec('linux', (machine, device) => {
    const incoming = machine.retrieve(device, 'vm');
    const memory = machine.retrieveFd(incoming, 1n);
    const second = machine.retrieveFd(incoming, 2n);
    const { inode } = machine.host.status(machine.task.descriptorAt(memory));
    const outgoing = machine.create(device, 'next');
    refused('EBUSY', () => machine.preserve(outgoing, memory, 1n));
    machine.kernel.checkResize(inode, 6n, 7n);
    machine.finish(incoming);
    machine.preserve(outgoing, memory, 1n);
    refused('EPERM', () => machine.kernel.checkResize(inode, 6n, 7n));
    machine.preserve(outgoing, second, 2n);
  });
});

test('v5: a retrieved file can be preserved again at once', () => {
  afterKexec('v5', (machine, device) => {
    const memory = machine.retrieveFd(machine.retrieve(device, 'vm'), 1n);
    machine.preserve(machine.create(device, 'next'), memory, 1n);
    machine.kexec();
    const next = machine.retrieve(machine.openDevice(), 'next');
    equal(machine.content(machine.retrieveFd(next, 1n)), 'file 1');
  });
});

test('linux reads what v5 left, and v5 does not read what linux left', () => {
  const machine = new FakeMachine({ profile: 'v5' });
  const session = machine.create(machine.openDevice(), 'vm');
  machine.preserve(session, machine.memfd('text'), 1n);
  machine.kexec({ profile: 'linux' });
  const incoming = machine.retrieve(machine.openDevice(), 'vm');
  equal(machine.content(machine.retrieveFd(incoming, 1n)), 'text');
  machine.finish(incoming);
  machine.task.closeAll();
  refused('EINVAL', () => machine.kexec({ profile: 'v5' }));
});
