import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionName } from './name.js';

test('a name ends at the first NUL', () => {
  const name = SessionName.before(new TextEncoder().encode('before\0after\0'));
  equal(name.key, 'before');
  deepEqual(name.bytes, new TextEncoder().encode('before'));
});

test('two names have the same key exactly when they have the same bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 4 });
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const same = one.length === other.length && one.every((byte, i) => byte === other[i]);
      equal(new SessionName(one).key === new SessionName(other).key, same);
    }),
  );
});

test('a name is written in plain ASCII for people', () => {
  equal(
    `${new SessionName(Uint8Array.of(0x76, 0x6d, 0x20, 0x22, 0x5c, 0x0a, 0xc3, 0xff))}`,
    '"vm \\x22\\x5c\\x0a\\xc3\\xff"',
  );
});
