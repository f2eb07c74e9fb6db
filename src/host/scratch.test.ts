import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { readMemory } from './process-memory.js';
import { pathAddress, scratch } from './scratch.js';

test('scratch memory has the address that it says, and pieces do not overlap', () => {
  const [one, other] = [scratch(3), scratch(100)];
  one.bytes.fill(1);
  other.bytes.fill(2);
  const read = readMemory(process.pid, BigInt(one.address), 3);
  equal(Buffer.isBuffer(read) && read.equals(Buffer.of(1, 1, 1)), true);
  equal(other.address >= one.address + 3, true);
  equal(other.view.byteLength, 100);
});

test('more scratch memory than there is, is refused', () => {
  throws(() => scratch(1 << 21), RangeError);
});

test('a path ends with a NUL, and its bytes are those that it was read with', () => {
  const read = readMemory(process.pid, BigInt(pathAddress('/a\xff')), 4);
  equal(Buffer.isBuffer(read) && read.equals(Buffer.of(0x2f, 0x61, 0xff, 0)), true);
});
