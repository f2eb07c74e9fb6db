import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { copyRange } from './copy-range.js';
import { close, createMemory, readBytes, writeBytes } from './descriptors.js';
import { SystemError } from './libc.js';

function memory(text: string): number {
  const fd = createMemory('test', false);
  writeBytes(fd, Buffer.from(text), 0n);
  return fd;
}

function textOf(fd: number): string {
  return Buffer.from(readBytes(fd, 100, 0n)).toString('latin1');
}

test('copyRange() copies a part of a file to the same place in another', () => {
  const [from, to] = [memory('0123456789'), memory('..........')];
  copyRange(from, to, 3, 7);
  equal(textOf(to), '...3456...');
  for (const fd of [from, to]) close(fd);
});

test('copyRange() goes on until all is copied or the file ends', () => {
  const [from, to] = [memory('0123'), memory('')];
  copyRange(from, to, 2, 100);
  equal(textOf(to), '\0\x0023');
  copyRange(from, to, 50, 60);
  equal(textOf(to), '\0\x0023');
  for (const fd of [from, to]) close(fd);
});

test('copyRange() throws what the kernel refuses', () => {
  const file = memory('text');
  throws(() => copyRange(file, -1, 0, 4), SystemError);
  throws(() => copyRange(-1, file, 0, 4), SystemError);
  close(file);
});
