import { equal, ok, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errno } from '../uapi/errno.js';
import { close, readBytes, resize, writeBytes } from './descriptors.js';
import { addressOf, mapInPlace } from './libc.js';
import { MAX_MAPPED_LENGTH, mapWhileUsed } from './mapped-array.js';
import { createMemfd } from './memfd.js';

test('mapWhileUsed() maps a part of a file, shared, from the beginning of a buffer', () => {
  const fd = createMemfd('mapped', 0);
  resize(fd, 8192n);
  const array = mapWhileUsed(fd, 4096, 100);
  equal(array.length, 100);
  equal(array.byteOffset, 0);
  equal(addressOf(array) % 4096n, 0n);
  writeBytes(fd, Buffer.from('x'), 4096n);
  equal(array[0], 'x'.charCodeAt(0));
  close(fd);
  array[1] = 1;
});

test('an array is all of its buffer, whatever its length', () => {
  const fd = createMemfd('lengths', 0);
  resize(fd, 1n << 17n);
  for (const length of [1, 8, 4096, 5000, 65535, 65536, 65537, 131072]) {
    const array = mapWhileUsed(fd, 0, length);
    equal(array.buffer.byteLength, length);
    array[length - 1] = length % 251;
    equal(readBytes(fd, 1, BigInt(length - 1))[0], length % 251);
  }
  close(fd);
});

test('a mapping that fails leaves none', () => {
  const fd = createMemfd('refused', 0);
  resize(fd, 8192n);
  throws(() => mapWhileUsed(fd, 1, 100), { name: 'SystemError', errno: errno.EINVAL });
  throws(() => mapWhileUsed(fd, 0, 2 * MAX_MAPPED_LENGTH), { name: 'SystemError', errno: errno.ENOMEM });
  const place = new Uint8Array(8192);
  ok(addressOf(place.subarray(1)) % 4096n !== 0n || addressOf(place) % 4096n !== 0n);
  const unaligned = addressOf(place) % 4096n === 0n ? place.subarray(1) : place;
  throws(() => mapInPlace(unaligned, fd, 0), { name: 'SystemError', errno: errno.EINVAL });
  equal(readFileSync('/proc/self/maps', 'latin1').includes('/memfd:refused'), false);
  close(fd);
});
