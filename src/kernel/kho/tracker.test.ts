import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_SIZE, pageFrameNumber } from '../units.js';
import type { PageBlock } from './memory.js';
import { MAX_FOLIO_ORDER, Tracker } from './tracker.js';

/** Blocks of all orders, close together and at the end of the address space. */
const blocks = fc.array(
  fc
    .record({
      order: fc.oneof(fc.integer({ min: 0, max: MAX_FOLIO_ORDER }), fc.integer({ min: 0, max: 4 })),
      near: fc.oneof(fc.nat(200), fc.nat(2 ** 19), fc.integer({ min: 2 ** 40 - 2 ** 20, max: 2 ** 40 - 1 })),
    })
    .map(({ order, near }): PageBlock => ({ pfn: pageFrameNumber(near - (near % 2 ** order)), order })),
  { maxLength: 40 },
);

function overlapping(a: PageBlock, b: PageBlock): boolean {
  return a.pfn < b.pfn + 2 ** b.order && b.pfn < a.pfn + 2 ** a.order;
}

function byPlace(a: PageBlock, b: PageBlock): number {
  return a.order - b.order || a.pfn - b.pfn;
}

/** A tracker with those of the blocks that overlap none before them. */
function trackerOf(blocks: PageBlock[]): { tracker: Tracker; model: PageBlock[] } {
  const tracker = new Tracker();
  const model: PageBlock[] = [];
  for (const block of blocks) {
    const expected = model.some((other) => overlapping(block, other));
    assert.equal(tracker.overlaps(block.pfn, block.order), expected);
    if (expected) continue;
    tracker.add(block.pfn, block.order);
    model.push(block);
  }
  return { tracker, model };
}

test('overlaps() is true exactly where a page of the block is tracked, over all orders and addresses', () => {
  fc.assert(
    fc.property(blocks, (blocks) => {
      trackerOf(blocks);
    }),
    { numRuns: 500 },
  );
});

test('folios() yields what was added, by order and then by address, and what starts below a page on request', () => {
  fc.assert(
    fc.property(blocks, fc.nat(400), (blocks, below) => {
      const { tracker, model } = trackerOf(blocks);
      const expected = model.toSorted(byPlace);
      assert.deepEqual([...tracker.folios()], expected);
      assert.deepEqual(
        [...tracker.folios(below)],
        expected.filter(({ pfn }) => pfn < below),
      );
    }),
  );
});

test('delete() takes away exactly the folio that was added', () => {
  fc.assert(
    fc.property(blocks, fc.nat(), (blocks, which) => {
      const { tracker, model } = trackerOf(blocks);
      const gone = model[which % Math.max(1, model.length)];
      if (gone === undefined) return;
      assert.equal(tracker.orderAt(gone.pfn), gone.order);
      assert.equal(tracker.delete(gone.pfn, (gone.order + 1) % 19), false);
      assert.equal(tracker.delete(gone.pfn, gone.order), true);
      assert.equal(tracker.delete(gone.pfn, gone.order), false);
      assert.equal(tracker.orderAt(gone.pfn), undefined);
      assert.deepEqual([...tracker.folios()], model.filter((block) => block !== gone).toSorted(byPlace));
    }),
  );
});

test('a folio is found only at its start', () => {
  const tracker = new Tracker();
  tracker.add(pageFrameNumber(8), 3);
  assert.equal(tracker.orderAt(pageFrameNumber(8)), 3);
  assert.equal(tracker.orderAt(pageFrameNumber(9)), undefined);
  assert.equal(tracker.has(pageFrameNumber(9), 3), false);
  assert.equal(tracker.has(pageFrameNumber(8), 0), false);
});

test('a folio of any size takes one bit', () => {
  for (let order = 0; order <= MAX_FOLIO_ORDER; order += 1) {
    const tracker = new Tracker();
    tracker.add(pageFrameNumber(2 ** 40 - 2 ** order), order);
    const [bitmap, ...others] = tracker.bitmaps();
    assert.deepEqual(others, []);
    assert.equal(bitmap?.bits.length, 512);
    assert.equal(bitmap?.bits[511], 0x80);
  }
});

test('overlap() finds a folio in another one after bitmaps were added as they are', () => {
  fc.assert(
    fc.property(blocks, (blocks) => {
      const unique = [...new Map(blocks.map((block) => [`${block.pfn} ${block.order}`, block])).values()];
      const tracker = new Tracker();
      for (const { pfn, order } of unique) tracker.add(pfn, order);
      const copy = new Tracker();
      for (const bitmap of tracker.bitmaps()) assert.ok(copy.addBitmap(bitmap));
      const overlaps = unique.some((a) => unique.some((b) => a !== b && overlapping(a, b)));
      assert.equal(copy.overlap() !== undefined, overlaps);
    }),
    { numRuns: 1000 },
  );
});

test('addBitmap() refuses a second bitmap in the same place and copies the first', () => {
  const tracker = new Tracker();
  const bits = new Uint8Array(512);
  bits[0] = 1;
  assert.equal(tracker.addBitmap({ order: 2, index: 1, bits }), true);
  assert.equal(tracker.addBitmap({ order: 2, index: 1, bits }), false);
  assert.equal(tracker.addBitmap({ order: 3, index: 1, bits }), true);
  bits.fill(0);
  assert.equal(tracker.has(pageFrameNumber(4096 * 4), 2), true);
});

test('an order that is none is a RangeError', () => {
  const tracker = new Tracker();
  assert.throws(() => tracker.add(pageFrameNumber(PAGE_SIZE), MAX_FOLIO_ORDER + 1), RangeError);
});
