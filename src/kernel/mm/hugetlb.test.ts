import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { F_SEAL_GROW, F_SEAL_WRITE } from '../../uapi/fcntl.js';
import type { HandoverMemory } from '../kho/kho.js';
import type { KernelModule } from '../module.js';
import { FakeMachine, type FakeMachineOptions, leftovers } from '../testing/checked-machine.js';
import { refused } from '../testing/expect.js';
import type { FakeFileOptions } from '../testing/fake-host.js';
import { refusalsForMemory } from '../testing/scarce-memory.js';
import { addressOf, pageFrameNumber } from '../units.js';

const MIB = 2 ** 20;
const SMALL = 2 * MIB;
const LARGE = 1024 * MIB;

const pool = (pageSize: number) => ({ pageSize, total: 8, free: 4, reserved: 0, surplus: 0 });

function withHugePages(options: FakeMachineOptions = {}) {
  const machine = new FakeMachine({ preserve: ['hugetlb'], ...options });
  machine.host.pools = [pool(SMALL), pool(LARGE)];
  return { machine, device: machine.openDevice() };
}

function hugeFile(machine: FakeMachine, content = '', options: FakeFileOptions = {}): number {
  return machine.memfd(content, { kind: 'hugetlb', size: 2 * SMALL, ...options });
}

/** What the kernel says of the FLB. */
function dependents(machine: FakeMachine): string[] {
  return machine.kernel.leaks().filter((leak) => leak.includes('"hugetlb-v1"'));
}

/** A kexec that loses the order of a file of 2 MiB pages whose position is 0x5eed. */
function kexecWithOrder(machine: FakeMachine, order: number): void {
  const handover = machine.kernel.reboot();
  machine.endGeneration();
  machine.hardware = machine.hardware.afterKexec();
  const { ram } = machine.hardware;
  const written = Buffer.from('0900000000000000ed5e000000000000', 'hex');
  ram[Buffer.from(ram.buffer, ram.byteOffset, ram.length).indexOf(written)] = order;
  machine.boot(handover);
}

for (const profile of ['linux', 'v5'] as const) {
  test(`${profile}: a file of huge pages comes back as the same inode, with its content, size, position and seals`, () => {
    const { machine, device } = withHugePages({ profile, strict: true });
    const memory = hugeFile(machine, 'text', { position: 3, seals: F_SEAL_GROW });
    const { inode } = machine.host.status(machine.task.descriptorAt(memory));
    const session = machine.create(device, 'vm');
    machine.preserve(session, memory, 1n);
    machine.host.seek(machine.task.descriptorAt(memory), 5n);
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    const descriptor = machine.task.descriptorAt(machine.retrieveFd(incoming, 1n));
    machine.finish(incoming);
    equal(new TextDecoder().decode(machine.host.read(descriptor, 0, 4)), 'text');
    equal(machine.host.position(descriptor), 5n);
    equal(machine.host.seals(descriptor), F_SEAL_GROW);
    const { inode: after, size } = machine.host.status(descriptor);
    deepEqual({ inode: after, size }, { inode, size: BigInt(2 * SMALL) });
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: files of two page sizes in two sessions share the state of the pools, which goes with the last`, () => {
    const { machine, device } = withHugePages({ profile });
    const first = machine.create(device, 'first');
    const second = machine.create(device, 'second');
    machine.preserve(first, hugeFile(machine), 1n);
    machine.preserve(first, hugeFile(machine, '', { size: 0 }), 2n);
    machine.preserve(second, hugeFile(machine, '', { size: LARGE, hugePageSize: LARGE }), 1n);
    deepEqual(dependents(machine), ['3 preserved files that depend on the FLB "hugetlb-v1"']);
    machine.task.close(second);
    deepEqual(dependents(machine), ['2 preserved files that depend on the FLB "hugetlb-v1"']);
    const third = machine.create(device, 'third');
    machine.preserve(third, hugeFile(machine, 'large', { size: LARGE, hugePageSize: LARGE }), 1n);
    machine.kexec();
    const after = machine.openDevice();
    const [one, other] = ['first', 'third'].map((name) => machine.retrieve(after, name));
    deepEqual(dependents(machine), ['3 incoming files that depend on the FLB "hugetlb-v1"']);
    machine.finish(one ?? -1);
    deepEqual(dependents(machine), ['1 incoming files that depend on the FLB "hugetlb-v1"']);
    machine.retrieveFd(other ?? -1, 1n);
    machine.finish(other ?? -1);
    deepEqual(dependents(machine), []);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: files of which none is retrieved leave nothing when they are finished`, () => {
    const { machine, device } = withHugePages({ profile });
    machine.preserve(machine.create(device, 'vm'), hugeFile(machine), 1n);
    machine.kexec();
    deepEqual(
      machine.kernel.state().incoming[0]?.files.map(({ compatible, size }) => ({ compatible, size })),
      [{ compatible: 'hugetlb-memfd-v1', size: BigInt(2 * SMALL) }],
    );
    machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a preserved file cannot change its size or pages, or be sealed against writing`, () => {
    const { machine, device } = withHugePages({ profile });
    const session = machine.create(device, 'vm');
    const memory = hugeFile(machine);
    const { inode } = machine.host.status(machine.task.descriptorAt(memory));
    machine.preserve(session, memory, 1n);
    refused('EPERM', () => machine.kernel.checkResize(inode, BigInt(2 * SMALL), 0n));
    refused('EPERM', () => machine.kernel.checkFallocate(inode));
    refused('EBUSY', () => machine.kernel.checkAddSeals(inode, F_SEAL_WRITE, false));
    machine.task.close(session);
    machine.kernel.checkResize(inode, BigInt(2 * SMALL), 0n);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: a page size whose pool the next host does not have is ENODEV, and nothing is left of the file`, () => {
    const { machine, device } = withHugePages({ profile });
    machine.preserve(machine.create(device, 'vm'), hugeFile(machine), 1n);
    machine.host.pools = [pool(LARGE)];
    machine.kexec();
    const incoming = machine.retrieve(machine.openDevice(), 'vm');
    match(refused('ENODEV', () => machine.retrieveFd(incoming, 1n)).message, /hugepages-2048kB/);
    machine.finish(incoming);
    deepEqual(leftovers(machine), []);
  });

  test(`${profile}: preserving with too little RAM is ENOMEM wherever it runs out, and leaves nothing`, () => {
    const refusals = refusalsForMemory(profile === 'v5' ? 32 : 4, (pages) => {
      const { machine, device } = withHugePages({ profile, pages });
      const session = machine.create(device, 'vm');
      const memory = hugeFile(machine, '', { size: 8000 * SMALL });
      return { machine, run: () => machine.preserve(session, memory, 1n) };
    });
    equal(refusals > 5, true);
  });

  test(`${profile}: without the option a file of huge pages is ENOENT, as on Linux`, () => {
    const { machine, device } = withHugePages({ profile, preserve: [] });
    refused('ENOENT', () => machine.preserve(machine.create(device, 'vm'), hugeFile(machine), 1n));
    deepEqual(leftovers(machine), []);
  });

  for (const [problem, sizes] of [
    [/has order 9 and not 8/, [MIB, SMALL]],
    [/the last kernel had no pool/, [SMALL]],
  ] as const) {
    test(`${profile}: a state with another page size than the file's is EINVAL (${problem}), and nothing is left`, () => {
      const { machine, device } = withHugePages({ profile });
      machine.host.pools = sizes.map(pool);
      machine.preserve(machine.create(device, 'vm'), hugeFile(machine, '', { position: 0x5eed }), 1n);
      kexecWithOrder(machine, 8);
      const incoming = machine.retrieve(machine.openDevice(), 'vm');
      match(refused('EINVAL', () => machine.retrieveFd(incoming, 1n)).message, problem);
      machine.finish(incoming);
      deepEqual(leftovers(machine), []);
    });
  }
}

test('the folios have the order of the huge pages, however many are in a row', () => {
  let kho: HandoverMemory | undefined;
  const spy: KernelModule = {
    name: 'spy',
    init: (kernel) => {
      kho = kernel.kho;
    },
  };
  const { machine, device } = withHugePages({ modules: [spy] });
  machine.preserve(machine.create(device, 'vm'), hugeFile(machine, '', { size: 4 * SMALL }), 1n);
  machine.kexec();
  // Regions begin at 1 TiB.
  const orders = [0, 512, 1024, 1536, 2048].map(
    (page) => kho?.isPreserved(addressOf(pageFrameNumber(2 ** 28 + page)))?.order,
  );
  deepEqual(orders, [9, 9, 9, 9, undefined]);
  machine.finish(machine.retrieve(machine.openDevice(), 'vm'));
  deepEqual(leftovers(machine), []);
});

test('a host that shows no pool of the page size is ENODEV before anything is preserved', () => {
  const { machine, device } = withHugePages();
  machine.host.pools = [];
  const session = machine.create(device, 'vm');
  match(refused('ENODEV', () => machine.preserve(session, hugeFile(machine), 1n)).message, /hugepages-2048kB/);
  deepEqual(dependents(machine), []);
  deepEqual(leftovers(machine), []);
});

test('pages of more than 1 GiB are EOPNOTSUPP', () => {
  const { machine, device } = withHugePages();
  const memory = hugeFile(machine, '', { size: 16 * LARGE, hugePageSize: 16 * LARGE });
  refused('EOPNOTSUPP', () => machine.preserve(machine.create(device, 'vm'), memory, 1n));
  deepEqual(leftovers(machine), []);
});

test('files with a name, and files that are no huge pages, are not for this handler', () => {
  const { machine, device } = withHugePages();
  const session = machine.create(device, 'vm');
  refused('ENOENT', () => machine.preserve(session, hugeFile(machine, '', { links: 1 }), 1n));
  refused('ENOENT', () => machine.preserve(session, machine.memfd('', { kind: 'other' }), 1n));
  machine.preserve(session, machine.memfd('text'), 1n);
  deepEqual(dependents(machine), []);
  deepEqual(leftovers(machine), []);
});

test('a next kernel without the option cannot take such a file over', () => {
  const { machine, device } = withHugePages();
  machine.preserve(machine.create(device, 'vm'), hugeFile(machine), 1n);
  refused('ENOENT', () => machine.kernel.checkNext({ profile: 'linux' }));
  machine.kernel.checkNext({ profile: 'linux', preserve: ['hugetlb'] });
  deepEqual(leftovers(machine), []);
});
