import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Undo } from './undo.js';

test('the steps are taken back once, the last one first', () => {
  const done: number[] = [];
  const undo = new Undo();
  for (const step of [1, 2, 3]) undo.add(() => done.push(step));
  undo.run();
  undo.run();
  deepEqual(done, [3, 2, 1]);
});
