import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyBit, clearBit, countBits, setBit, setBits, testBit } from './bitmap.js';

const indices = fc.uniqueArray(fc.nat(511), { maxLength: 60 });

function bitmapOf(set: number[]): Uint8Array {
  const bits = new Uint8Array(64);
  for (const index of set) setBit(bits, index);
  return bits;
}

test('setBit() puts bit 0 lowest into the first byte, as a 64-bit word of Linux lies in memory', () => {
  assert.equal(new DataView(bitmapOf([0, 9, 63]).buffer).getBigUint64(0, true), (1n << 0n) | (1n << 9n) | (1n << 63n));
});

test('setBits() yields exactly the bits that were set, in ascending order', () => {
  fc.assert(
    fc.property(indices, (set) => {
      const bits = bitmapOf(set);
      assert.deepEqual(
        [...setBits(bits)],
        set.toSorted((a, b) => a - b),
      );
      assert.equal(countBits(bits), set.length);
    }),
  );
});

test('clearBit() clears one bit and no other', () => {
  fc.assert(
    fc.property(indices, fc.nat(511), (set, gone) => {
      const bits = bitmapOf(set);
      clearBit(bits, gone);
      assert.equal(testBit(bits, gone), false);
      assert.deepEqual(new Set(setBits(bits)), new Set(set.filter((index) => index !== gone)));
    }),
  );
});

test('anyBit() is true exactly where a bit of the run is set', () => {
  fc.assert(
    fc.property(indices, fc.nat(9), fc.nat(511), (set, log, near) => {
      const count = 2 ** log;
      const start = near - (near % count);
      const expected = set.some((index) => index >= start && index < start + count);
      assert.equal(anyBit(bitmapOf(set), start, count), expected);
    }),
  );
});
