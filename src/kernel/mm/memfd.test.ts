import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { F_SEAL_GROW, F_SEAL_WRITE } from '../../uapi/fcntl.js';
import { KernelError } from '../error.js';
import { FakeMachine, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import { refusalsForMemory } from '../testing/scarce-memory.js';
import { PAGE_SIZE } from '../units.js';

type Profile = 'linux' | 'v5';

function withSession(profile: Profile = 'linux', pages = 256) {
  const machine = new FakeMachine({ profile, pages });
  const session = machine.create(machine.openDevice(), 'vm');
  return { machine, session };
}

/** The file under token 1, after a live update. */
function retrieveAfterKexec(machine: FakeMachine): number {
  machine.kexec();
  const session = machine.retrieve(machine.openDevice(), 'vm');
  const fd = machine.retrieveFd(session, 1n);
  machine.finish(session);
  return fd;
}

for (const profile of ['linux', 'v5'] as const) {
  for (const size of [0, 1, PAGE_SIZE, PAGE_SIZE + 1, 40 * PAGE_SIZE]) {
    test(`${profile}: a file of ${size} bytes comes back with its size, content and position`, () => {
      const { machine, session } = withSession(profile);
      const content = 'ab'.repeat(size).slice(0, size);
      const memory = machine.memfd(content, { position: 3 });
      machine.preserve(session, memory, 1n);
      const fd = retrieveAfterKexec(machine);
      equal(machine.content(fd), content);
      equal(machine.host.position(machine.task.descriptorAt(fd)), 3n);
      deepEqual(leftovers(machine), []);
    });
  }

  test(`${profile}: the position is that of the freeze`, () => {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('text', { position: 1 });
    machine.preserve(session, memory, 1n);
    machine.host.seek(machine.task.descriptorAt(memory), 2n);
    machine.kernel.reboot();
    machine.kernel.cancelReboot();
    machine.host.seek(machine.task.descriptorAt(memory), 4321n);
    const fd = retrieveAfterKexec(machine);
    equal(machine.host.position(machine.task.descriptorAt(fd)), 4321n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a position that no file has is EINVAL, and FINISH lets go of the memory`, () => {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('text');
    machine.preserve(session, memory, 1n);
    machine.host.seek(machine.task.descriptorAt(memory), 2n ** 63n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    refused('EINVAL', () => machine.retrieveFd(incoming, 1n));
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: holes stay holes, and what is written into them after preserving is there`, () => {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('', { size: 64 * PAGE_SIZE });
    const descriptor = machine.task.descriptorAt(memory);
    machine.host.write(descriptor, 17 * PAGE_SIZE, Uint8Array.of(1));
    machine.host.write(descriptor, 40 * PAGE_SIZE - 1, Uint8Array.of(2, 3));
    machine.preserve(session, memory, 1n);
    machine.host.write(descriptor, 5 * PAGE_SIZE, Uint8Array.of(4));
    const fd = retrieveAfterKexec(machine);
    const after = machine.task.descriptorAt(fd);
    deepEqual(
      machine.host.dataExtents(after, 64 * PAGE_SIZE).map(({ start, end }) => [start / PAGE_SIZE, end / PAGE_SIZE]),
      [
        [5, 6],
        [17, 18],
        [39, 41],
      ],
    );
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a file with nothing but holes keeps its size, and its region if nobody asks for it`, () => {
    const { machine, session } = withSession(profile);
    const size = 2n ** 40n + 5n;
    machine.preserve(session, machine.memfd('', { size }), 1n);
    machine.preserve(session, machine.memfd('', { size }), 2n);
    equal(machine.kernel.state().preservedBytes, 2n * size);
    machine.kexec();
    deepEqual(
      machine.kernel.state().incoming[0]?.files.map((file) => file.size),
      [size, size],
    );
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    const fd = machine.retrieveFd(incoming, 1n);
    equal(machine.host.status(machine.task.descriptorAt(fd)).size, size);
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a file is handed over even when no program has it open`, () => {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('text');
    machine.preserve(session, memory, 1n);
    machine.task.close(memory);
    equal(machine.content(retrieveAfterKexec(machine)), 'text');
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: preserving with too little RAM is ENOMEM wherever it runs out, and leaves nothing`, () => {
    // Single pages, so that the array of folios takes many pages of RAM.
    const filePages = profile === 'v5' ? 10000 : 2100;
    const refusals = refusalsForMemory(profile === 'v5' ? 32 : 4, (pages) => {
      const { machine, session } = withSession(profile, pages);
      const memory = machine.memfd('', { size: filePages * PAGE_SIZE });
      for (let page = 0; page < filePages; page += 2) {
        machine.host.write(machine.task.descriptorAt(memory), page * PAGE_SIZE, Uint8Array.of(page));
      }
      return { machine, run: () => machine.preserve(session, memory, 1n) };
    });
    equal(refusals > 5, true);
  });

  test(`${profile}: a file of many folios passes`, () => {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('', { size: 2100 * PAGE_SIZE });
    for (let page = 0; page < 2100; page += 2) {
      machine.host.write(machine.task.descriptorAt(memory), page * PAGE_SIZE, Uint8Array.of(page));
    }
    machine.preserve(session, memory, 1n);
    const fd = retrieveAfterKexec(machine);
    equal(machine.host.read(machine.task.descriptorAt(fd), 2098 * PAGE_SIZE, 1)[0], 2098 % 256);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a file that the hardware cannot open is not lost at once`, () => {
    const { machine, session } = withSession(profile);
    machine.preserve(session, machine.memfd('text'), 1n);
    machine.preserve(session, machine.memfd(''), 2n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    for (const token of [1n, 2n]) {
      machine.host.failNext('reopen', new KernelError('ENFILE', 'Cannot open one more file'));
      refused('ENFILE', () => machine.retrieveFd(incoming, token));
      if (profile === 'v5') machine.retrieveFd(incoming, token);
      else refused('ENFILE', () => machine.retrieveFd(incoming, token));
    }
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });
}

test('an empty file comes back as the same file, seals and all', () => {
  const { machine, session } = withSession();
  const memory = machine.memfd('', { seals: F_SEAL_GROW });
  machine.preserve(session, memory, 1n);
  const fd = retrieveAfterKexec(machine);
  equal(machine.host.seals(machine.task.descriptorAt(fd)), F_SEAL_GROW);
  deepEqual(leftovers(machine), []);
});

test('linux: more than 2^32-1 pages are EFBIG', () => {
  const { machine, session } = withSession();
  const largest = BigInt(2 ** 32 - 1) * 4096n;
  refused('EFBIG', () => machine.preserve(session, machine.memfd('', { size: largest + 1n }), 1n));
  equal(machine.kernel.hasFrozenFiles, false);
  machine.preserve(session, machine.memfd('', { size: largest }), 1n);
  deepEqual(leftovers(machine), []);
});

test('v5: a file that is larger than the address space is ENOMEM', () => {
  const { machine, session } = withSession('v5');
  refused('ENOMEM', () => machine.preserve(session, machine.memfd('', { size: 2n ** 63n - 1n }), 1n));
  refused('ENOMEM', () => machine.preserve(session, machine.memfd('', { size: 2n ** 52n - 2n ** 30n }), 1n));
  equal(machine.kernel.hasFrozenFiles, false);
  machine.preserve(session, machine.memfd('', { size: 2n ** 51n }), 1n);
  deepEqual(leftovers(machine), []);
});

test('linux: a seal that is not known is EOPNOTSUPP; v5 does not look', () => {
  for (const profile of ['linux', 'v5'] as const) {
    const { machine, session } = withSession(profile);
    const memory = machine.memfd('text', { seals: 0x40 });
    if (profile === 'linux') refused('EOPNOTSUPP', () => machine.preserve(session, memory, 1n));
    else machine.preserve(session, memory, 1n);
    equal(machine.kernel.hasFrozenFiles, profile === 'v5');
    deepEqual(leftovers(machine), []);
  }
});

test('a preserved file with pages is pinned, an empty one is not', () => {
  const { machine, session } = withSession();
  for (const [token, content] of ['text', ''].entries()) {
    const memory = machine.memfd(content, { seals: F_SEAL_GROW });
    const { inode } = machine.host.status(machine.task.descriptorAt(memory));
    machine.preserve(session, memory, BigInt(token));
    const seal = () => machine.kernel.checkAddSeals(inode, F_SEAL_WRITE, false);
    if (content === '') seal();
    else refused('EBUSY', seal);
  }
  deepEqual(leftovers(machine), []);
});
