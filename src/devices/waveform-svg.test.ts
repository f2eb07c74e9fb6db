import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waveformOf } from './testing/waveforms.js';
import { waveformSvg } from './waveform-svg.js';

const glitch = waveformOf({ DTR: [2_000_000, 2_000_003], RTS: [] }, { end: 4_000_003 });

test('a glitch of 3 us between two seconds of silence has a rising and a falling edge of its own', () => {
  const path = pathOf(waveformSvg(glitch), 'DTR');
  assert.match(path, /^M[\d.]+ (\d+)H[\d.]+V(\d+)H[\d.]+V\1H[\d.]+$/);
  const [rise, fall] = [...path.matchAll(/H([\d.]+)V/g)].map(([, x]) => Number(x));
  assert.ok(fall! - rise! > 10);
});

test('silence that is longer than it is drawn is marked', () => {
  const svg = waveformSvg(glitch);
  assert.equal(svg.match(/class="cut"/g)?.length, 2);
  assert.match(svg, />≈ 2\.00 s</);
  assert.match(svg, />3 µs</);
});

test('it follows a dark scheme, and needs nothing beside it', () => {
  const svg = waveformSvg(glitch);
  assert.match(svg, /@media \(prefers-color-scheme: dark\)/);
  assert.doesNotMatch(svg, /<script|href=|url\(|@import/);
});

test('text is escaped, and no control character gets into the document', () => {
  const svg = waveformSvg({
    ...waveformOf({ '<b "x">': [5] }, { notes: [{ at: 0, text: '<script>&\0\x1b' }] }),
    port: 'a<b',
  });
  assert.match(svg, /&lt;script&gt;&amp;��/);
  assert.match(svg, /data-signal="&lt;b &quot;x&quot;&gt;"/);
  assert.match(svg, /<title>Waveform of a&lt;b<\/title>/);
  assert.doesNotMatch(svg, /<script|\0/);
});

test('bytes are drawn with their number', () => {
  const bursts = [{ line: 'TXD', start: 10, end: 20, bytes: 12 }] as const;
  const svg = waveformSvg(waveformOf({ DTR: [5] }, { bursts }));
  assert.match(svg, /<rect class="burst"[^>]*><title>12 bytes<\/title>/);
  assert.match(svg, />TXD 12 B</);
});

test('notes and what was not kept stand below', () => {
  const svg = waveformSvg({ ...glitch, notes: [{ at: 3, text: 'here' }], dropped: 9 });
  assert.match(svg, />0\.000003 s {2}here</);
  assert.match(svg, />9 edges, bursts and notes before .* were not kept</);
});

function pathOf(svg: string, signal: string): string {
  return new RegExp(`data-signal="${signal}" d="([^"]*)"`).exec(svg)?.[1] ?? '';
}
