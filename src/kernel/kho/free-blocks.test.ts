import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FreeBlocks } from './free-blocks.js';

test('takeLowest() gives the free blocks in ascending order, whatever was added and deleted', () => {
  const blocks = fc.array(fc.nat(199), { maxLength: 80 });
  fc.assert(
    fc.property(blocks, blocks, blocks, (first, gone, second) => {
      const free = new FreeBlocks(200);
      const model = new Set<number>();
      for (const block of first) {
        free.add(block);
        model.add(block);
      }
      for (const block of gone) assert.equal(free.delete(block), model.delete(block));
      const lowest = free.takeLowest();
      assert.equal(lowest, model.size === 0 ? undefined : Math.min(...model));
      if (lowest !== undefined) model.delete(lowest);
      for (const block of second) {
        free.add(block);
        model.add(block);
      }
      assert.equal(free.size, model.size);
      const taken: number[] = [];
      for (let block = free.takeLowest(); block !== undefined; block = free.takeLowest()) taken.push(block);
      assert.deepEqual(
        taken,
        [...model].toSorted((a, b) => a - b),
      );
    }),
  );
});

test('a block past the end is not free', () => {
  const free = new FreeBlocks(3);
  assert.equal(free.has(1000), false);
  assert.equal(free.delete(1000), false);
});
