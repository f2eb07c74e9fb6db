import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from '../error.js';
import { PAGE_SIZE, type PhysicalAddress, pageFrameNumber, physicalAddress } from '../units.js';
import { PhysicalMemory } from './memory.js';
import { readMemoryMap, writeMemoryMap } from './memory-map.js';
import { MAX_FOLIO_ORDER, Tracker } from './tracker.js';

const isCode = (code: string) => (error: unknown) => error instanceof KernelError && error.code === code;
const memoryOf = (pages: number) => new PhysicalMemory(new Uint8Array(pages * PAGE_SIZE));

function trackerOf(...blocks: Array<[pfn: number, order: number]>): Tracker {
  const tracker = new Tracker();
  for (const [pfn, order] of blocks) tracker.add(pageFrameNumber(pfn), order);
  return tracker;
}

function view(memory: PhysicalMemory, address: number): DataView {
  return new DataView(memory.ram.buffer, address, PAGE_SIZE);
}

/** A map with one page of order 3 and two bitmaps, and what to change in it. */
function sample(): { memory: PhysicalMemory; first: PhysicalAddress; page: DataView } {
  const memory = memoryOf(16);
  const { first } = writeMemoryMap(memory, trackerOf([8, 3], [8 + 8 * 4096, 3]));
  return { memory, first, page: view(memory, first) };
}

test('what was tracked is read again, for all orders and for addresses in and above RAM', () => {
  const block = fc
    .record({ order: fc.integer({ min: 0, max: MAX_FOLIO_ORDER }), near: fc.nat(2 ** 21), high: fc.boolean() })
    .map(({ order, near, high }) => {
      const pfn = high ? 2 ** 40 - 1 - near : near;
      return { order, pfn: pageFrameNumber(pfn - (pfn % 2 ** order)) };
    });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 60 }), (blocks) => {
      const tracker = new Tracker();
      for (const { pfn, order } of blocks) if (!tracker.overlaps(pfn, order)) tracker.add(pfn, order);
      const memory = memoryOf(128);
      const { first, folios } = writeMemoryMap(memory, tracker);
      assert.deepEqual([...readMemoryMap(memory.ram.slice(), first).folios()], [...tracker.folios()]);
      for (const folio of folios) folio.put();
      assert.equal(memory.freePages, 127);
    }),
  );
});

test('a page of the map has the layout of Linux 6.18', () => {
  const { memory, first, page } = sample();
  const numbers = Array.from({ length: 6 }, (_, i) => page.getBigUint64(i * 8, true));
  const bitmaps = BigInt(first) + 0x1000n;
  // Folio 1 of order 3, then folio 4097: bit 1 of the bitmaps of folios 0 and 4096, which start 2^(12+3+12) apart.
  assert.deepEqual(numbers, [0n, 3n | (2n << 32n), 0n, bitmaps, 0x800_0000n, bitmaps + 512n]);
  for (const bitmap of [first + 0x1000, first + 0x1200]) {
    assert.deepEqual([...memory.ram.subarray(bitmap, bitmap + 512)], [2, ...new Array(511).fill(0)]);
  }
});

test('a page holds 255 bitmaps of one order, and the chain goes on for more', () => {
  const blocks = Array.from({ length: 256 }, (_, i): [number, number] => [i * 4096, 0]);
  const memory = memoryOf(128);
  const { first, folios } = writeMemoryMap(memory, trackerOf(...blocks, [2 ** 30, 18]));
  const second = Number(view(memory, first).getBigUint64(0, true));
  const third = Number(view(memory, second).getBigUint64(0, true));
  const headers = [first, second, third].map((address) => {
    const page = view(memory, address);
    return [page.getUint32(8, true), page.getUint32(12, true)];
  });
  assert.deepEqual(headers, [
    [0, 255],
    [0, 1],
    [18, 1],
  ]);
  assert.equal(view(memory, third).getBigUint64(0, true), 0n);
  assert.equal(folios.length, 3 + Math.ceil(257 / 8));
});

test('nothing preserved is address 0 and takes no page', () => {
  const memory = memoryOf(4);
  assert.deepEqual(writeMemoryMap(memory, new Tracker()), { first: 0, folios: [] });
  assert.deepEqual([...readMemoryMap(memory.ram, physicalAddress(0)).folios()], []);
});

test('ENOMEM at any page of the map leaves none allocated', () => {
  const tracker = trackerOf([0, 0], [8, 3], [512, 9]);
  for (let pages = 1; pages < 5; pages += 1) {
    const memory = memoryOf(pages);
    assert.throws(() => writeMemoryMap(memory, tracker), isCode('ENOMEM'));
    assert.equal(memory.freePages, pages - 1);
  }
  assert.equal(writeMemoryMap(memoryOf(5), tracker).folios.length, 4);
});

test('what is read does not change when the pages of the map are used for something else', () => {
  const { memory, first } = sample();
  const tracker = readMemoryMap(memory.ram, first);
  memory.ram.fill(0);
  assert.equal([...tracker.folios()].length, 2);
});

test('a corrupt map is EINVAL and says what is wrong', () => {
  const wrong: Array<[RegExp, (page: DataView, first: number) => void]> = [
    [/comes back/, (page, first) => page.setBigUint64(0, BigInt(first), true)],
    [/no page of RAM/, (page) => page.setBigUint64(0, 8n, true)],
    [/no page of RAM/, (page) => page.setBigUint64(0, BigInt(16 * PAGE_SIZE), true)],
    [/not below 2\^52/, (page) => page.setBigUint64(0, 2n ** 63n, true)],
    [/order 19/, (page) => page.setUint32(8, 19, true)],
    [/256 elements/, (page) => page.setUint32(12, 256, true)],
    [/not aligned/, (page) => page.setUint32(8, 4, true)],
    [/not aligned/, (page) => page.setBigUint64(16, 4096n, true)],
    [/two bitmaps/, (page) => page.setBigUint64(32, 0n, true)],
    [/cannot be in RAM/, (page) => page.setBigUint64(24, 0n, true)],
    [/cannot be in RAM/, (page) => page.setBigUint64(24, BigInt(16 * PAGE_SIZE), true)],
    [/cannot be in RAM/, (page) => page.setBigUint64(24, BigInt(4 * PAGE_SIZE + 8), true)],
    [/bitmap at .* twice/, (page) => page.setBigUint64(24, page.getBigUint64(40, true), true)],
  ];
  for (const [message, damage] of wrong) {
    const { memory, first, page } = sample();
    damage(page, first);
    assert.throws(
      () => readMemoryMap(memory.ram, first),
      (error) => isCode('EINVAL')(error) && message.test(`${error}`),
      `${message}`,
    );
  }
});

test('folios of two orders that overlap are EINVAL', () => {
  const memory = memoryOf(16);
  const { first } = writeMemoryMap(memory, trackerOf([12, 0], [8, 3]));
  assert.throws(() => readMemoryMap(memory.ram, first), /the folio of order 3 at page 8 overlaps another one/);
});
