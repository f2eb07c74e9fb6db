import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { quoted } from '../machine/quote.js';
import { table, word } from './table.js';

test('table() makes columns as wide as their widest cell, without blanks at the end of a line', () => {
  const rows = [
    ['long name', '1', 'end'],
    ['x', '22', ''],
  ];
  equal(table(['A', 'B', 'C'], rows), 'A          B   C\nlong name  1   end\nx          22\n');
  equal(table(['A', 'B'], []), 'A  B\n');
});

test('word() leaves alone what can be told from other words', () => {
  for (const text of ['a', './agent-1', 'größe', 'a\\b', "it's"]) equal(word(text), text);
  for (const text of ['', 'a b', 'a"b', 'a\nb', 'a\u200bb']) equal(word(text), quoted(text));
});

test('quoted() escapes what would break a table or reach a terminal', () => {
  equal(quoted('größe "a\\b"'), '"größe \\"a\\\\b\\""');
  equal(quoted('\x1b[m\n'), '"\\u001b[m\\n"');
  equal(quoted('\x9b\x7f\u202e\u2028\u{e0001}'), '"\\u009b\\u007f\\u202e\\u2028\\udb40\\udc01"');
});
