import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { close, createMemory, duplicate, pipe, reopen } from './descriptors.js';
import { isSameOpenFile } from './same-file.js';

test('a copy of a descriptor is of the same open file; another open of the same inode is not', () => {
  const memory = createMemory('', false);
  const [copy, other] = [duplicate(memory), reopen(memory)];
  equal(isSameOpenFile(memory, copy), true);
  equal(isSameOpenFile(memory, other), false);
  for (const fd of [memory, copy, other]) close(fd);
});

test('the two ends of a pipe are two open files', () => {
  const [reading, writing] = pipe();
  equal(isSameOpenFile(reading, writing), false);
  for (const fd of [reading, writing]) close(fd);
});

test('what Linux does not tell is undefined', () => {
  const memory = createMemory('', false);
  equal(isSameOpenFile(memory, -1), undefined);
  close(memory);
});
