import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyWaveform, waveformOf } from './testing/waveforms.js';
import { waveformText } from './waveform-text.js';

const glitch = waveformOf({ DTR: [2_000_000, 2_000_003], RTS: [] }, { end: 4_000_003 });

test('a glitch of 3 us between two seconds of silence has a rising and a falling edge of its own', () => {
  assert.equal(
    waveformText(glitch, { width: 80 }),
    [
      'DTR   ▁▁▁▁▁▁▁▁▁▁▁▁≈▁▁▁▁▁▁▁▁▁▁▁┌────────┐▁▁▁▁▁▁▁▁▁▁▁▁≈▁▁▁▁▁▁▁▁▁▁▁▁',
      'RTS   ▁▁▁▁▁▁▁▁▁▁▁▁≈▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁≈▁▁▁▁▁▁▁▁▁▁▁▁',
      '               2.00 s            3 µs            2.00 s',
      'time  0.000000 s              2.000000 s',
      '',
    ].join('\n'),
  );
});

test('everything can be drawn with ASCII alone', () => {
  const noted = { ...glitch, notes: [{ at: 2_000_000, text: 'EN: 10 kΩ' }] };
  const text = waveformText(noted, { width: 80, ascii: true });
  assert.match(text, /^[\x20-\x7e\n]*$/);
  assert.match(text, /^DTR +_+~_+\/-+\\_+~_+$/m);
  assert.match(text, / 2\.00 s +3 us +2\.00 s$/m);
  assert.match(text, /^2\.000000 s {2}EN: 10 k\?$/m);
});

test('every edge is there, whatever the waveform and the terminal', () => {
  fc.assert(
    fc.property(anyWaveform, fc.integer({ min: 0, max: 200 }), (waveform, width) => {
      const named = {
        ...waveform,
        signals: waveform.signals.map((signal, index) => ({ ...signal, name: `S${index}` })),
      };
      const text = waveformText({ ...named, notes: [] }, { width });
      for (const { name, initial, edges } of named.signals) {
        const drawn = rowsOf(text, name).match(/[┌┐]/g) ?? [];
        const wanted = edges.map((_, index) => ((index % 2 === 0) === (initial === 0) ? '┌' : '┐'));
        assert.equal(drawn.join(''), wanted.join(''));
      }
    }),
  );
});

test('no row is wider than the terminal', () => {
  fc.assert(
    fc.property(anyWaveform, fc.integer({ min: 40, max: 200 }), (waveform, width) => {
      const named = {
        ...waveform,
        notes: [],
        dropped: 0,
        signals: waveform.signals.map((s, i) => ({ ...s, name: `S${i}` })),
      };
      for (const line of waveformText(named, { width }).split('\n')) assert.ok(line.length <= width, line);
    }),
  );
});

test('two edges of one signal at the very same time are both there', () => {
  const text = waveformText(waveformOf({ DTR: [500, 500] }), { width: 80 });
  assert.match(text, /^DTR +▁+≈?▁*┌─+┐▁/m);
});

test('stretches of comparable length are drawn in proportion, and only longer ones are marked', () => {
  const text = waveformText(waveformOf({ DTR: [100, 200, 600] }, { end: 700 }), { width: 100 });
  assert.doesNotMatch(text, /≈/);
  const high = rowsOf(text, 'DTR').match(/┌(─+)┐/)?.[1]?.length ?? 0;
  const low = rowsOf(text, 'DTR').match(/┐(▁+)┌/)?.[1]?.length ?? 0;
  assert.ok(low > high);
});

test('DTR and RTS are always shown, and others once something happened on them', () => {
  const signals = { CTS: [], RTS: [], DSR: [10], DTR: [] };
  const names = waveformText(waveformOf(signals), { width: 80 }).match(/^[A-Z]+/gm);
  assert.deepEqual(names, ['DTR', 'RTS', 'DSR']);
});

test('bytes are shown where they passed, with their number', () => {
  const waveform = waveformOf(
    { DTR: [1000] },
    { end: 2000, bursts: [{ line: 'TXD', start: 1400, end: 1500, bytes: 12 }] },
  );
  const row = rowsOf(waveformText(waveform, { width: 80 }), 'TXD 12 B');
  assert.match(row, /·▒+·+/);
});

test('bytes of no time at all are seen', () => {
  const bursts = [{ line: 'RXD', start: 1500, end: 1500, bytes: 1 }] as const;
  const text = waveformText(waveformOf({ DTR: [1000] }, { end: 2000, bursts }), { width: 80 });
  assert.match(rowsOf(text, 'RXD 1 B'), /▒/);
});

test('notes stand below with their times, and say nothing to the terminal', () => {
  const notes = [{ at: 2_000_000, text: 'ESP32: reset \x1b[31m' }];
  assert.match(waveformText({ ...glitch, notes }, { width: 80 }), /\n2\.000000 s {2}ESP32: reset �\[31m\n$/);
});

test('what was not kept is said', () => {
  assert.match(
    waveformText({ ...glitch, dropped: 7 }, { width: 80 }),
    /\n7 edges, bursts and notes before .* not kept\n$/,
  );
});

function rowsOf(text: string, name: string): string {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length))
    .join('');
}
