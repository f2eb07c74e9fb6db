import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { map } from './libc.js';
import { readMemory, TRANSFER_SIZE, writeMemory } from './process-memory.js';

const EFAULT = -14;

test('memory of a process is read and written by its address', () => {
  const own = map(2 * TRANSFER_SIZE);
  own.bytes.set([1, 2, 3], 5);
  const read = readMemory(process.pid, BigInt(own.address + 5), 3);
  equal(Buffer.isBuffer(read) && read.equals(Buffer.of(1, 2, 3)), true);
  equal(writeMemory(process.pid, BigInt(own.address + 6), Uint8Array.of(9, 8)), 2);
  equal(own.bytes.subarray(5, 8).join(), '1,9,8');
});

test('one call moves no more than its limit', () => {
  const own = map(2 * TRANSFER_SIZE);
  const read = readMemory(process.pid, BigInt(own.address), 2 * TRANSFER_SIZE);
  equal(Buffer.isBuffer(read) ? read.length : read, TRANSFER_SIZE);
});

test('memory that is not there is EFAULT', () => {
  equal(readMemory(process.pid, 0n, 1), EFAULT);
  equal(readMemory(process.pid, 2n ** 64n - 1n, 1), EFAULT);
  equal(writeMemory(process.pid, 8n, Uint8Array.of(1)), EFAULT);
});
