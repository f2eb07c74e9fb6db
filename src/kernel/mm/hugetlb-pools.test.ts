import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Kho } from '../kho/kho.js';
import { PhysicalMemory } from '../kho/memory.js';
import { refused } from '../testing/expect.js';
import { FakeHost } from '../testing/fake-host.js';
import { PAGE_SIZE } from '../units.js';
import { HugetlbFlb } from './hugetlb-pools.js';

const pools = [
  { pageSize: 2 ** 21, total: 9, free: 5, reserved: 2, surplus: 1 },
  { pageSize: 2 ** 30, total: 1, free: 0, reserved: 0, surplus: 0 },
];

/** The FLB in the kernel that preserves, with all that is preserved. */
function preserved() {
  const kho = new Kho(new PhysicalMemory(new Uint8Array(64 * PAGE_SIZE)));
  const host = new FakeHost();
  host.pools = pools;
  const flb = new HugetlbFlb(kho, host);
  return { kho, flb, ...flb.preserve() };
}

/** The FLB in the next kernel. `spoil` changes what was handed over. */
function handedOver(spoil: (page: DataView) => void = () => {}) {
  const { kho, data } = preserved();
  const ram = kho.memory.ram.slice();
  spoil(new DataView(ram.buffer, Number(data), PAGE_SIZE));
  const root = kho.finalize();
  ram.set(kho.memory.ram.subarray(0, Number(data)));
  ram.set(kho.memory.ram.subarray(Number(data) + PAGE_SIZE), Number(data) + PAGE_SIZE);
  const next = Kho.boot(ram, root);
  return { kho: next, data, flb: new HugetlbFlb(next, new FakeHost()) };
}

test('the pools come back as they went, and their page is freed when they are finished', () => {
  const { kho, data, flb } = handedOver();
  const object = flb.retrieve({ data });
  deepEqual(object.pools, pools);
  flb.finish({ object });
  deepEqual([...kho.memory.allocatedFolios()], []);
});

test('what is unpreserved leaves nothing', () => {
  const { kho, flb, data, object } = preserved();
  flb.unpreserve({ data, object });
  deepEqual([...kho.memory.allocatedFolios()], []);
});

test('a state of the pools that does not hold together is EINVAL, and is let go of', () => {
  for (const spoil of [
    (page: DataView) => page.setUint32(0, 103, true),
    (page: DataView) => page.setUint32(4, 1, true),
    (page: DataView) => page.setBigUint64(8, 2n ** 12n, true),
    (page: DataView) => page.setBigUint64(8, 2n ** 53n - 1n, true),
    (page: DataView) => page.setBigUint64(16, 2n ** 53n, true),
  ]) {
    const { kho, data, flb } = handedOver(spoil);
    refused('EINVAL', () => flb.retrieve({ data }));
    deepEqual([...kho.memory.allocatedFolios()], []);
    refused('EINVAL', () => flb.retrieve({ data }));
  }
});
