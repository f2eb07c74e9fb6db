import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyWaveform, waveformOf } from './testing/waveforms.js';
import { decodeWaveform, encodeWaveform } from './waveform-json.js';

test('a waveform passes through JSON and comes back the same', () => {
  fc.assert(
    fc.property(anyWaveform, (waveform) => {
      assert.deepEqual(decodeWaveform(encodeWaveform(waveform)), waveform);
    }),
  );
});

test('the JSON form is this, in version 1', () => {
  const waveform = waveformOf(
    { DTR: [5, 8] },
    {
      end: 10,
      bursts: [{ line: 'TXD', start: 1, end: 2, bytes: 3 }],
      notes: [{ at: 5, text: 'here' }],
    },
  );
  assert.equal(
    encodeWaveform(waveform),
    '{"format":"luo-waveform","version":1,"port":"ttyS0","start":0,"end":10,' +
      '"signals":[{"name":"DTR","kind":"output","initial":0,"edges":[5,8]}],' +
      '"bursts":[{"line":"TXD","start":1,"end":2,"bytes":3}],"notes":[{"at":5,"text":"here"}],"dropped":0}',
  );
});

test('members that nobody knows are ignored', () => {
  const waveform = waveformOf({ DTR: [1] });
  assert.deepEqual(decodeWaveform(JSON.stringify({ ...waveform, colour: 'blue' })), waveform);
});

const good = waveformOf({ DTR: [5, 8] }, { end: 10 });
const [dtr] = good.signals;
const refused: readonly [what: string, waveform: unknown, message: RegExp][] = [
  ['what is no object', [], /the waveform must be an object/],
  ['another format', { ...good, format: 'vcd' }, /format must be "luo-waveform"/],
  ['another version', { ...good, version: 2 }, /version is 2, and this luo reads version 1/],
  ['no version', { ...good, version: undefined }, /version is missing/],
  ['a port that is no text', { ...good, port: 5 }, /port must be a string/],
  ['a time that is none', { ...good, start: '0' }, /start must be a time in microseconds/],
  ['an end before the start', { ...good, start: 11 }, /end must not be before the start/],
  ['signals that are no list', { ...good, signals: {} }, /signals must be an array/],
  ['two signals of one name', { ...good, signals: [dtr, dtr] }, /signals\[1\]\.name is the name of an earlier/],
  ['edges out of order', { ...good, signals: [{ ...dtr, edges: [8, 5] }] }, /signals\[0\]\.edges\[1\] must lie/],
  ['an edge after the end', { ...good, signals: [{ ...dtr, edges: [11] }] }, /signals\[0\]\.edges\[0\] must lie/],
  ['a level that is none', { ...good, signals: [{ ...dtr, initial: 2 }] }, /initial must be one of 0, 1/],
  ['a kind that is none', { ...good, signals: [{ ...dtr, kind: 'x' }] }, /kind must be one of output, input, other/],
  ['a burst of no line', { ...good, bursts: [{ line: 'X', start: 1, end: 2, bytes: 1 }] }, /line must be one of/],
  ['a burst that ends first', { ...good, bursts: [{ line: 'TXD', start: 2, end: 1, bytes: 1 }] }, /end must not be/],
  ['half a byte', { ...good, bursts: [{ line: 'TXD', start: 1, end: 2, bytes: 0.5 }] }, /bytes must be a count/],
  ['a note without text', { ...good, notes: [{ at: 1 }] }, /notes\[0\]\.text must be a string/],
  ['a count below 0', { ...good, dropped: -1 }, /dropped must be a count/],
];

for (const [what, waveform, message] of refused) {
  test(`${what} is refused, by the name of the member`, () => {
    assert.throws(() => decodeWaveform(JSON.stringify(waveform)), { name: 'SyntaxError', message });
  });
}

test('what is no JSON is refused', () => {
  assert.throws(() => decodeWaveform('{'), /Cannot read the waveform: it is no JSON/);
});
