import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyWaveform, waveformOf } from './testing/waveforms.js';
import { cutWaveform, glitches, levelAt } from './waveform.js';

test('a glitch is a pulse that is shorter than said, whichever way it goes', () => {
  const waveform = waveformOf({ DTR: [1000, 1003, 5000, 9000, 9002] });
  assert.deepEqual(glitches(waveform, 10), [
    { signal: 'DTR', level: 1, start: 1000, end: 1003 },
    { signal: 'DTR', level: 0, start: 9000, end: 9002 },
  ]);
  assert.deepEqual(
    glitches(waveform, 3).map(({ start }) => start),
    [9000],
  );
});

test('glitches of all signals come in the order of their beginnings', () => {
  const waveform = waveformOf({ DTR: [50, 51], RTS: [10, 11] });
  assert.deepEqual(
    glitches(waveform, 10).map(({ signal }) => signal),
    ['RTS', 'DTR'],
  );
});

test('a level that never ended is no glitch', () => {
  assert.deepEqual(glitches(waveformOf({ DTR: [9_999] }, { end: 10_000 }), 100), []);
});

test('a part of a waveform has the levels of the whole', () => {
  fc.assert(
    fc.property(anyWaveform, fc.nat(1000), fc.nat(1000), (waveform, from, length) => {
      const part = cutWaveform(waveform, from, from + length);
      for (const [index, signal] of part.signals.entries()) {
        for (const time of [part.start, part.end]) {
          assert.equal(levelAt(signal, time), levelAt(waveform.signals[index]!, time));
        }
        assert.ok(signal.edges.every((edge) => edge >= part.start && edge <= part.end));
      }
    }),
  );
});
