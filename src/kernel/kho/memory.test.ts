import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from '../error.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from '../units.js';
import type { Folio } from './folio.js';
import { MAX_PAGE_ORDER, type PageBlock, PhysicalMemory } from './memory.js';

const block = (pfn: number, order: number): PageBlock => ({ pfn: pageFrameNumber(pfn), order });

function memoryOf(pages: number, reserved: PageBlock[] = []): PhysicalMemory {
  return new PhysicalMemory(new Uint8Array(pages * PAGE_SIZE), reserved);
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof KernelError && error.code === code;
}

/** Whether 2^order aligned pages are without an owner. */
function hasRun(used: boolean[], order: number): boolean {
  for (let pfn = 0; pfn + 2 ** order <= used.length; pfn += 2 ** order) {
    if (!used.slice(pfn, pfn + 2 ** order).includes(true)) return true;
  }
  return false;
}

test('folios never overlap, and ENOMEM comes only when no aligned run of free pages is long enough', () => {
  const step = fc.oneof(
    fc.record({ order: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ free: fc.nat(1000) }),
    fc.record({ order: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.array(step, { maxLength: 120 }), (pages, steps) => {
      const memory = memoryOf(pages);
      const used = new Array<boolean>(pages).fill(false);
      used[0] = true;
      const folios: Folio[] = [];
      for (const now of steps) {
        if ('free' in now) {
          const [folio] = folios.splice(now.free % Math.max(1, folios.length), 1);
          if (folio === undefined) continue;
          used.fill(false, folio.pfn, folio.pfn + 2 ** folio.order);
          folio.put();
        } else if (hasRun(used, now.order)) {
          const folio = memory.allocateFolio(now.order);
          assert.equal(folio.pfn % 2 ** now.order, 0);
          assert.ok(!used.slice(folio.pfn, folio.pfn + 2 ** now.order).includes(true));
          used.fill(true, folio.pfn, folio.pfn + 2 ** now.order);
          folios.push(folio);
        } else {
          assert.throws(() => memory.allocateFolio(now.order), isCode('ENOMEM'));
        }
        assert.equal(memory.freePages, used.filter((taken) => !taken).length);
        assert.deepEqual(new Set(memory.allocatedFolios()), new Set(folios));
      }
      for (const folio of folios) folio.put();
      assert.equal(memory.freePages, pages - 1);
      assert.deepEqual([...memory.allocatedFolios()], []);
    }),
  );
});

test('free pages join again: after all puts the largest folio can be allocated', () => {
  const memory = memoryOf(2 ** (MAX_PAGE_ORDER + 1));
  const folios = Array.from({ length: memory.freePages }, () => memory.allocateFolio(0));
  assert.equal(memory.freePages, 0);
  for (const folio of folios) folio.put();
  assert.equal(memory.allocateFolio(MAX_PAGE_ORDER).pfn, 2 ** MAX_PAGE_ORDER);
});

test('allocateFolio() zeroes what a former owner left', () => {
  const memory = memoryOf(16);
  const first = memory.allocateFolio(2);
  first.bytes.fill(0xa5);
  first.put();
  const second = memory.allocateFolio(2);
  assert.equal(second.pfn, first.pfn);
  assert.ok(second.bytes.every((byte) => byte === 0));
});

test('page 0 is never handed out, so that address 0 can mean none', () => {
  const memory = memoryOf(4);
  const pfns = Array.from({ length: 3 }, () => memory.allocateFolio(0).pfn);
  assert.deepEqual(pfns, [1, 2, 3]);
  assert.throws(() => memory.allocateFolio(0), isCode('ENOMEM'));
  assert.throws(() => memoryOf(1).allocateFolio(0), isCode('ENOMEM'));
});

test('ENOMEM says how much is free and in which pieces', () => {
  const memory = memoryOf(8);
  assert.throws(() => memory.allocateFolio(3), /Cannot allocate 8 pages in one piece: 7 of 8 pages .* up to 4;/);
});

test('an order above the largest one is ENOMEM, and one that is no order a RangeError', () => {
  const memory = memoryOf(4096);
  assert.throws(() => memory.allocateFolio(MAX_PAGE_ORDER + 1), isCode('ENOMEM'));
  for (const order of [-1, 0.5, Number.NaN]) assert.throws(() => memory.allocateFolio(order), RangeError);
});

test('reserved blocks keep their bytes and place until they are adopted and put', () => {
  const memory = memoryOf(16, [block(4, 2), block(9, 0)]);
  assert.equal(memory.freePages, 16 - 1 - 4 - 1);
  memory.bytes(physicalAddress(4 * PAGE_SIZE), 4).set([1, 2, 3, 4]);
  const others = Array.from({ length: memory.freePages }, () => memory.allocateFolio(0));
  assert.ok(others.every(({ pfn }) => pfn !== 9 && !(pfn >= 4 && pfn < 8)));
  for (const folio of others) folio.put();
  const adopted = memory.adoptFolio(pageFrameNumber(4), 2);
  assert.deepEqual([...adopted.bytes.subarray(0, 4)], [1, 2, 3, 4]);
  adopted.put();
  assert.equal(memory.freePages, 16 - 1 - 1);
});

test('adoptFolio() takes exactly what is reserved, and once', () => {
  const memory = memoryOf(16, [block(4, 1)]);
  assert.throws(() => memory.adoptFolio(pageFrameNumber(4), 0), /no such block is reserved/);
  assert.throws(() => memory.adoptFolio(pageFrameNumber(5), 0), /no such block is reserved/);
  assert.throws(() => memory.adoptFolio(pageFrameNumber(0), 0), /no such block is reserved/);
  memory.adoptFolio(pageFrameNumber(4), 1);
  assert.throws(() => memory.adoptFolio(pageFrameNumber(4), 1), /no such block is reserved/);
});

test('blocks that cannot be reserved are refused: not aligned, outside, twice, or page 0', () => {
  for (const reserved of [[block(1, 1)], [block(16, 0)], [block(8, 4)], [block(4, 2), block(5, 0)], [block(0, 0)]]) {
    assert.throws(() => memoryOf(16, reserved), /Cannot reserve page/);
  }
});

test('bytes() gives views of RAM, and never of what is outside', () => {
  const around = new Uint8Array(4 * PAGE_SIZE);
  const memory = new PhysicalMemory(around.subarray(PAGE_SIZE, 3 * PAGE_SIZE));
  memory.bytes(physicalAddress(2 * PAGE_SIZE - 1), 1)[0] = 5;
  assert.equal(around[3 * PAGE_SIZE - 1], 5);
  assert.throws(() => memory.bytes(physicalAddress(2 * PAGE_SIZE - 1), 2), RangeError);
  assert.throws(() => memory.bytes(physicalAddress(2 ** 40), 0), RangeError);
  assert.throws(() => memory.bytes(physicalAddress(0), -1), RangeError);
});

test('RAM that is no whole number of pages is refused', () => {
  for (const length of [0, 1, PAGE_SIZE + 1]) {
    assert.throws(() => new PhysicalMemory(new Uint8Array(length)), RangeError);
  }
});
