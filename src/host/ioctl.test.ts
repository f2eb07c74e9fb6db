import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { close, createMemory, writeBytes } from './descriptors.js';
import { ioctl } from './ioctl.js';

const FIONREAD = 0x541b;
const EBADF = -9;

test('ioctl() hands a structure to the kernel and back', () => {
  const fd = createMemory('test', false);
  writeBytes(fd, Buffer.from('12345'), 0n);
  const left = new Uint8Array(4);
  equal(ioctl(fd, FIONREAD, left), 0);
  equal(new DataView(left.buffer).getInt32(0, true), 5);
  close(fd);
  equal(ioctl(fd, FIONREAD, left), EBADF);
  throws(() => ioctl(fd, FIONREAD, new Uint8Array(257)), RangeError);
});
