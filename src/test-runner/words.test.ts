import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinWords, splitWords, WordsError } from './words.js';

test('a command line is split at blanks, but for quotes and backslashes', () => {
  for (const [text, words] of [
    ['', []],
    ['  a  b\tc\n', ['a', 'b', 'c']],
    [`'a b' "c d"e`, ['a b', 'c de']],
    [`a\\ b '\\' "\\"\\\\\\n"`, ['a b', '\\', '"\\\\n']],
    [`'' ""`, ['', '']],
    ['$HOME *.c | x > y', ['$HOME', '*.c', '|', 'x', '>', 'y']],
  ] as const) {
    assert.deepEqual(splitWords(text), words, text);
  }
});

test('a command line that does not end is an error that says why', () => {
  assert.throws(() => splitWords("a 'b"), new WordsError("Cannot read the command a 'b: the quote ' is not closed"));
  assert.throws(() => splitWords('a\\'), /ends with a backslash/);
});

test('words that are joined are the same when they are split again', () => {
  fc.assert(fc.property(fc.array(fc.string()), (words) => assert.deepEqual(splitWords(joinWords(words)), words)));
});
