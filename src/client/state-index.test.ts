import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type IndexEntry, IndexError, indexSize, readIndex, writeIndex } from './state-index.js';

const entries = fc
  .uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 20 })
  .map((keys) => keys.map((key, i) => ({ key, token: i + 1, bytes: i * 4096 })));
const one: IndexEntry[] = [{ key: 'one', token: 1, bytes: 1 }];
const two: IndexEntry[] = [...one, { key: 'two', token: 2, bytes: 0 }];

function newIndex(): Uint8Array {
  return new Uint8Array(indexSize([]));
}

test('an index comes back as it was written last', () => {
  fc.assert(
    fc.property(fc.array(entries, { minLength: 1, maxLength: 4 }), (versions) => {
      const index = newIndex();
      for (const [i, version] of versions.entries()) ok(writeIndex(index, BigInt(i + 1), version));
      deepEqual(readIndex(index), versions.at(-1));
    }),
  );
});

test('keys that are no text in UTF-8 come back too', () => {
  const index = newIndex();
  const odd = [
    { key: '\ud800', token: 1, bytes: 1 },
    { key: '', token: 2, bytes: 1 },
    { key: '__proto__', token: 3, bytes: 1 },
  ];
  writeIndex(index, 1n, odd);
  deepEqual(readIndex(index), odd);
});

test('a version that was cut off anywhere leaves the one before it', () => {
  const before = newIndex();
  writeIndex(before, 1n, one);
  const after = before.slice();
  writeIndex(after, 2n, two);
  // Version 2 lies in the first half. Written up to `length` bytes of it, by whatever a copy does first.
  const end = 56 + JSON.stringify({ buffers: two }).length;
  for (let length = 0; length < end; length++) {
    const cut = before.slice();
    cut.set(after.subarray(0, length));
    deepEqual(readIndex(cut), one);
    const cutFromTheEnd = before.slice();
    cutFromTheEnd.set(after.subarray(length + 1, end), length + 1);
    deepEqual(readIndex(cutFromTheEnd), one);
  }
  deepEqual(readIndex(after), two);
});

test('any one byte that changed is found', () => {
  const index = newIndex();
  writeIndex(index, 1n, one);
  const start = index.length / 2;
  for (let at = start; at < start + 56 + JSON.stringify({ buffers: one }).length; at++) {
    const changed = index.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    throws(() => readIndex(changed), { problem: 'damaged' });
  }
});

test('bytes that are no index are damaged, and nothing else happens', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => throws(() => readIndex(bytes), IndexError)));
});

test('an index of another version is told apart from a damaged one', () => {
  throws(() => readIndex(made({ version: 2, text: 'anything at all' })), {
    problem: 'version',
    message: 'its index has version 2, and this luo knows version 1',
  });
});

test('text that no state writes is damaged, whatever its digest says', () => {
  const entry = { key: 'k', token: 1, bytes: 1 };
  const wrong = [
    '{',
    'null',
    '{}',
    '{"buffers":{}}',
    '{"buffers":[null]}',
    ...[
      { ...entry, key: 1 },
      { ...entry, token: 0 },
      { ...entry, token: '1' },
      { ...entry, bytes: -1 },
      { ...entry, bytes: 0.5 },
    ].map((buffer) => JSON.stringify({ buffers: [buffer] })),
    JSON.stringify({ buffers: [entry, { ...entry, token: 2 }] }),
    JSON.stringify({ buffers: [entry, { ...entry, key: 'l' }] }),
  ];
  for (const text of wrong)
    throws(() => readIndex(made({ text })), { problem: 'damaged', message: /not what a state/ });
});

test('what has no room is refused, and the index is as before', () => {
  const index = newIndex();
  writeIndex(index, 1n, one);
  const many = Array.from({ length: 2000 }, (_, i) => ({ key: `key ${i}`, token: i + 1, bytes: 1 }));
  equal(writeIndex(index, 2n, many), false);
  deepEqual(readIndex(index), one);
  const larger = new Uint8Array(indexSize(many));
  equal(writeIndex(larger, 1n, many), true);
  deepEqual(readIndex(larger), many);
});

/** An index with a right digest. */
function made({ version = 1, text }: { version?: number; text: string }): Uint8Array {
  const index = Buffer.alloc(1 << 16);
  index.write('LUOSTATE');
  index.writeUInt32LE(version, 8);
  index.writeUInt32LE(text.length, 12);
  index.write(text, 56);
  createHash('sha256').update(index.subarray(0, 24)).update(text).digest().copy(index, 24);
  return index;
}
