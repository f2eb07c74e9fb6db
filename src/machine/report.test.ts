import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeKexec, describePanic, describeRest, describeThrown, formatBytes, plural } from './report.js';

test('formatBytes() gives a size with at most one decimal', () => {
  const sizes: ReadonlyArray<[bigint, string]> = [
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1 KiB'],
    [12293n, '12.0 KiB'],
    [1536n, '1.5 KiB'],
    [1n << 30n, '1 GiB'],
    [1n << 50n, '1024 TiB'],
  ];
  for (const [bytes, text] of sizes) assert.equal(formatBytes(bytes), text);
});

test('plural() counts things', () => {
  assert.deepEqual([plural(0, 'file'), plural(1, 'file'), plural(2, 'file')], ['0 files', '1 file', '2 files']);
  assert.equal(plural(2, 'process still runs', 'processes still run'), '2 processes still run');
});

test('describeKexec() is a line with all that counts', () => {
  const report = { generation: 3, sessions: 1, files: 2, bytes: '2048', blackout: 7.25 };
  assert.equal(describeKexec(report), 'kexec: generation 3, 1 session, 2 files, 2 KiB, blackout 7.3 ms');
});

test('describeRest() says why a machine stays up, and how to end it', () => {
  const stays = 'machine "m" stays up: 1 process still runs. End it with: luo stop m';
  assert.equal(describeRest('m', './a', { pid: 1, code: 0 }, 1), `"./a" exited with 0; ${stays}`);
  assert.equal(describeRest('m', './a', { pid: 1, signal: 9 }, 1), `"./a" was ended by SIGKILL; ${stays}`);
});

test('describePanic() keeps the trace of the bug', () => {
  assert.match(describePanic(2, new TypeError('x')), /generation 2[\s\S]*TypeError: x\n +at /);
  assert.match(describePanic(2, 'odd'), /odd/);
});

test('describeThrown() is one line, with the place in a file where there is one', () => {
  const error = new TypeError('x');
  error.stack = 'TypeError: x\n    at file:///a/m.mjs?123:4:5\n    at node:internal:1:2';
  assert.equal(describeThrown(error), 'TypeError: x, at file:///a/m.mjs:4:5');
  error.stack = 'TypeError: x\n    at node:internal:1:2\n    at Object.init (file:///a/m.mjs?123:6:7)';
  assert.equal(describeThrown(error), 'TypeError: x, at file:///a/m.mjs:6:7');
  error.stack = 'TypeError: x\n    at node:internal:1:2';
  assert.equal(describeThrown(error), 'TypeError: x');
  assert.equal(describeThrown('odd'), 'it threw odd');
});
