import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSessionName, encodeSessionName } from './name.js';

test('a name of up to 63 bytes comes back as it went', () => {
  const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }).filter((name) => !name.includes('\0'));
  fc.assert(
    fc.property(names, (name) => {
      const field = encodeSessionName(name);
      equal(field.length, 64);
      equal(decodeSessionName(field), name);
    }),
  );
  equal(decodeSessionName(encodeSessionName('x'.repeat(63))), 'x'.repeat(63));
});

test('a name of bytes is taken as it is', () => {
  deepEqual([...encodeSessionName(Uint8Array.of(0xff, 1)).subarray(0, 3)], [0xff, 1, 0]);
});

test('a field without a NUL is a name to its end', () => {
  equal(decodeSessionName(Buffer.from('whole')), 'whole');
});

test('what is no name is refused with what is wrong with it', () => {
  throws(() => encodeSessionName(''), {
    name: 'RangeError',
    message: 'Cannot name a session "": a name has 1 to 63 bytes',
  });
  throws(() => encodeSessionName('ß'.repeat(32)), /has 64 bytes, at most 63 are taken$/);
  // Two such names would be one for the kernel.
  throws(() => encodeSessionName('a\ud800'), { name: 'RangeError', message: /"a\\ud800": it has half a surrogate/ });
  throws(() => encodeSessionName('a\0b'), /"a": it has a NUL, where a name ends$/);
  // A caller in JavaScript may hand in anything.
  throws(() => encodeSessionName(7 as unknown as string), { name: 'TypeError', message: /of type number/ });
});
