import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { TakenFiles } from './taken-files.js';

test('a file that was taken twice is free after it was released twice', () => {
  const taken = new TakenFiles();
  equal(taken.has('inode 1'), false);
  taken.take('inode 1');
  taken.take('inode 1');
  taken.release('inode 1');
  equal(taken.has('inode 1'), true);
  taken.release('inode 1');
  equal(taken.has('inode 1'), false);
  equal(taken.size, 0);
});
