import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import { PAGE_SIZE, physicalAddress } from '../units.js';
import { inheritedAddress, inheritedPage } from './inherited.js';

const isEinval = (error: unknown) => error instanceof KernelError && error.code === 'EINVAL';

test('inheritedAddress() takes what is below 2^52 and refuses the rest with EINVAL', () => {
  assert.equal(inheritedAddress(2n ** 52n - 1n, 'x'), 2 ** 52 - 1);
  for (const value of [2n ** 52n, 2n ** 64n - 1n]) assert.throws(() => inheritedAddress(value, 'x'), isEinval);
});

test('inheritedPage() gives whole pages of RAM, but not page 0 and nothing behind the end', () => {
  const around = new Uint8Array(5 * PAGE_SIZE);
  const ram = around.subarray(PAGE_SIZE, 4 * PAGE_SIZE);
  inheritedPage(ram, physicalAddress(2 * PAGE_SIZE), 'x').setUint8(PAGE_SIZE - 1, 3);
  assert.equal(around[4 * PAGE_SIZE - 1], 3);
  for (const address of [0, 8, 3 * PAGE_SIZE, 2 ** 51]) {
    assert.throws(() => inheritedPage(ram, physicalAddress(address), 'x'), isEinval);
  }
});

test('what is corrupt is named with the value', () => {
  assert.throws(() => inheritedAddress(2n ** 60n, 'KHO root'), {
    message: 'Cannot read the KHO root that the last kernel left: address 0x1000000000000000 is not below 2^52',
  });
});
