import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOf, LineReader, textOf } from './bytes.js';

test('bytes become text and come back the same', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(bytesOf(textOf(bytes)), bytes)));
});

test('lines end at CR, LF or both, however they are cut into pieces', () => {
  const reader = new LineReader();
  const lines = ['on', 'e\r', '\ntwo\nthree\r\n\nfo'].flatMap((piece) => reader.push(bytesOf(piece)));
  assert.deepEqual(lines, ['one', 'two', 'three']);
  assert.deepEqual(reader.push(bytesOf('ur\n')), ['four']);
});

test('a line without an end does not grow for ever', () => {
  const reader = new LineReader();
  for (let count = 0; count < 100; count += 1) reader.push(bytesOf('x'.repeat(100)));
  assert.equal(reader.push(bytesOf('\n'))[0]?.length, 256);
});

test('what was cleared is no beginning of a line', () => {
  const reader = new LineReader();
  reader.push(bytesOf('old'));
  reader.clear();
  assert.deepEqual(reader.push(bytesOf('new\n')), ['new']);
});
