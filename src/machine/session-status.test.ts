import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { nameText, preservedBy } from './session-status.js';

test('nameText() is the text where the bytes are UTF-8', () => {
  for (const text of ['vm', '', 'größe 🎉', 'a\\b\n"', '\x00']) equal(nameText(Buffer.from(text)), text);
});

test('nameText() writes every byte that is not ASCII as \\xNN where the bytes are no UTF-8', () => {
  for (const [bytes, text] of [
    [[0xff], '\\xff'],
    [[0x61, 0xc3, 0xb6, 0x80, 0x0a], 'a\\xc3\\xb6\\x80\n'],
    // Half a character, and one of a surrogate.
    [[0xc3], '\\xc3'],
    [[0xed, 0xa0, 0x80], '\\xed\\xa0\\x80'],
  ] as const) {
    equal(nameText(Uint8Array.from(bytes)), text);
  }
});

test('preservedBy() tells of nothing before the first kernel has booted', () => {
  const nothing = { state: 'normal', sessions: 0, files: 0, bytes: '0' };
  deepEqual(preservedBy(undefined, false), nothing);
  deepEqual(preservedBy(undefined, true), { ...nothing, sessionList: [] });
});
