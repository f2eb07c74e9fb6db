import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { tokenText, toToken } from './token.js';

test('a token is any number of 64 bits without a sign', () => {
  equal(toToken(0), 0n);
  equal(toToken(Number.MAX_SAFE_INTEGER), 2n ** 53n - 1n);
  equal(toToken(2n ** 64n - 1n), 2n ** 64n - 1n);
});

test('what is no token is refused', () => {
  throws(() => toToken(-1), { name: 'RangeError', message: 'Cannot use -1 as a token: it must be from 0 to 2^64-1' });
  throws(() => toToken(2n ** 64n), RangeError);
  for (const wrong of [1.5, 2 ** 53, Number.NaN, '1', undefined, null]) {
    // A caller in JavaScript may hand in anything.
    throws(() => toToken(wrong as number), { name: 'TypeError', message: /a bigint or a safe integer is needed$/ });
  }
});

test('messages write tokens in base 16', () => {
  equal(tokenText(26n), '0x1a');
});
