import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Crashes } from './crashes.js';

test('a machine boots again by itself unless a fourth crash comes within a minute', () => {
  let now = 0;
  const crashes = new Crashes(() => now);
  const at = (time: number) => {
    now = time;
    return crashes.another();
  };
  deepEqual([0, 1000, 2000, 3000].map(at), [true, true, true, false]);
  deepEqual([62_500, 63_500].map(at), [true, true]);
});
