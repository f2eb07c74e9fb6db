import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlipReader, slipFrame } from './slip.js';

test('frames come back, however they are cut into pieces', () => {
  const payload = fc.uint8Array({ minLength: 1 });
  fc.assert(
    fc.property(fc.array(payload), fc.integer({ min: 1, max: 7 }), (payloads, size) => {
      const stream = payloads.flatMap((bytes) => [...slipFrame(bytes)]);
      const reader = new SlipReader();
      const frames: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) {
        frames.push(...reader.push(Uint8Array.from(stream.slice(at, at + size))));
      }
      assert.deepEqual(
        frames.map((frame) => [...frame]),
        payloads.map((frame) => [...frame]),
      );
    }),
  );
});

test('END and ESC are escaped', () => {
  assert.deepEqual([...slipFrame(Uint8Array.of(0xc0, 1, 0xdb))], [0xc0, 0xdb, 0xdc, 1, 0xdb, 0xdd, 0xc0]);
});

test('what stands before the first frame, and a frame that is too long, is let go', () => {
  const reader = new SlipReader();
  assert.deepEqual(reader.push(Uint8Array.of(1, 2, 3)), []);
  assert.deepEqual(reader.push(Uint8Array.from([0xc0, ...new Uint8Array(70_000), 0xc0])), []);
  assert.deepEqual(reader.push(slipFrame(Uint8Array.of(9))), [Uint8Array.of(9)]);
});
