import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText, momentText } from './time-text.js';

const durations: readonly [number, string][] = [
  [0, '0 us'],
  [3, '3 us'],
  [86.8056, '86.8 us'],
  [999, '999 us'],
  [999.9, '1.00 ms'],
  [1000, '1 ms'],
  [13_900, '13.9 ms'],
  [999_999, '1.00 s'],
  [2_000_000, '2.00 s'],
  [123_456_789, '123 s'],
];

for (const [microseconds, text] of durations) {
  test(`${microseconds} microseconds are ${text}`, () => {
    assert.equal(durationText(microseconds), text);
  });
}

test('a moment is exact to the microsecond', () => {
  assert.equal(momentText(2_000_003), '2.000003 s');
});
