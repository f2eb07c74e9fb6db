import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.js';
import { levelAt } from './waveform.js';
import { LONGEST_NOTE, WaveformRecorder } from './waveform-recorder.js';

test('an edge is recorded where a level changes, and nowhere else', () => {
  const clock = new ManualClock();
  const recorder = recorderOn(clock);
  for (const level of [0, 1, 1, 0, 0] as const) {
    recorder.set('DTR', level);
    clock.run(10);
  }
  const { signals, start, end } = recorder.snapshot();
  assert.deepEqual(signals, [{ name: 'DTR', kind: 'output', initial: 0, edges: [10, 30] }]);
  assert.deepEqual([start, end], [0, 50]);
});

test('bytes without a gap are one burst, and a gap begins another', () => {
  const clock = new ManualClock();
  const recorder = recorderOn(clock);
  for (const pause of [0, 0, 5]) {
    clock.run(pause);
    const start = clock.now();
    clock.run(100);
    recorder.passed('TXD', start, 3);
  }
  assert.deepEqual(recorder.snapshot().bursts, [
    { line: 'TXD', start: 0, end: 200, bytes: 6 },
    { line: 'TXD', start: 205, end: 305, bytes: 3 },
  ]);
});

test('a snapshot does not change when more is recorded', () => {
  const clock = new ManualClock();
  const recorder = recorderOn(clock);
  recorder.passed('RXD', 0, 1);
  const before = recorder.snapshot();
  const copy = structuredClone(before);
  recorder.passed('RXD', 0, 1);
  recorder.set('DTR', 1);
  recorder.note('later');
  assert.deepEqual(before, copy);
});

test('where there is no more room the oldest goes, it is counted, and the levels stay right', () => {
  const clock = new ManualClock();
  const recorder = new WaveformRecorder(clock, 'ttyS0', 8);
  recorder.declare('DTR', 'output', 0);
  let edges = 0;
  for (let count = 0; count < 101; count += 1) {
    clock.run(1);
    recorder.set('DTR', count % 2 === 0 ? 1 : 0);
    edges += 1;
    const { signals, dropped, start } = recorder.snapshot();
    const [dtr] = signals;
    assert.equal(dtr!.edges.length + dropped, edges);
    assert.ok(dtr!.edges.length <= 8);
    assert.equal(levelAt(dtr!, clock.now()), count % 2 === 0 ? 1 : 0);
    assert.ok(dtr!.edges.every((edge) => edge >= start));
  }
});

test('a note is cut to a length that bounds the memory', () => {
  const recorder = recorderOn(new ManualClock());
  recorder.note('x'.repeat(10_000));
  assert.equal(recorder.snapshot().notes[0]?.text.length, LONGEST_NOTE);
});

test('a signal that was never declared, and a capacity without room, are refused', () => {
  const clock = new ManualClock();
  assert.throws(() => recorderOn(clock).set('RTS', 1), /Cannot set signal "RTS": it was never declared/);
  assert.throws(() => new WaveformRecorder(clock, 'ttyS0', 3), /it must have room for at least 4/);
});

function recorderOn(clock: ManualClock): WaveformRecorder {
  const recorder = new WaveformRecorder(clock, 'ttyS0');
  recorder.declare('DTR', 'output', 0);
  return recorder;
}
