import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from '../error.js';
import { PAGE_SIZE } from '../units.js';
import { PhysicalMemory } from './memory.js';
import { vmalloc } from './vmalloc.js';

const memoryOf = (pages: number) => new PhysicalMemory(new Uint8Array(pages * PAGE_SIZE));

test('what is set at an offset is read there and nowhere else, over pages that are not neighbours', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.nat(1535).map(String), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (values) => {
      const memory = memoryOf(8);
      const holes = [memory.allocateFolio(0), memory.allocateFolio(0), memory.allocateFolio(0)];
      holes[1]?.put();
      const array = vmalloc(memory, 3 * PAGE_SIZE);
      for (const [word, value] of Object.entries(values)) array.setUint64(Number(word) * 8, value);
      for (let word = 0; word < 1536; word += 1) {
        assert.equal(array.getUint64(word * 8), values[String(word)] ?? 0n);
      }
    }),
    { numRuns: 20 },
  );
});

test('the array takes as many pages as its bytes need and gives them all back', () => {
  for (const [bytes, pages] of [
    [0, 0],
    [8, 1],
    [PAGE_SIZE, 1],
    [PAGE_SIZE + 8, 2],
  ] as const) {
    const memory = memoryOf(8);
    const array = vmalloc(memory, bytes);
    assert.equal(array.byteLength, bytes);
    assert.equal(array.folios.length, pages);
    assert.equal(memory.freePages, 7 - pages);
    array.free();
    assert.equal(memory.freePages, 7);
  }
});

test('ENOMEM leaves no page allocated', () => {
  const memory = memoryOf(8);
  const isEnomem = (error: unknown) => error instanceof KernelError && error.code === 'ENOMEM';
  assert.throws(() => vmalloc(memory, 8 * PAGE_SIZE), isEnomem);
  assert.equal(memory.freePages, 7);
});

test('an offset outside of the array or inside of a number is a RangeError', () => {
  const array = vmalloc(memoryOf(8), 24);
  for (const offset of [-8, 4, 24, PAGE_SIZE, 2 ** 40, Number.NaN]) {
    assert.throws(() => array.getUint64(offset), RangeError);
    assert.throws(() => array.setUint64(offset, 1n), RangeError);
  }
});

test('an array that was freed cannot be used or freed', () => {
  const array = vmalloc(memoryOf(8), 8);
  array.free();
  assert.throws(() => array.getUint64(0), /no reference left/);
  assert.throws(() => array.free(), /no reference left/);
});
