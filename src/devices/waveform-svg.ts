import { printable } from './printable.js';
import { durationText, momentText } from './time-text.js';
import type { Waveform } from './waveform.js';
import { type DataRow, type Layout, layoutOf, type SignalRow, type Stretch } from './waveform-layout.js';

// All in pixels.
const MARGIN = 16;
const LEAST_STRETCH = 70;
const MOST_SHARE = 130;
const ROW_HEIGHT = 30;
const SWING = 16;
const TEXT_HEIGHT = 18;
const LETTER = 8;
const MOMENT = 13 * LETTER;

const style = `
svg { color-scheme: light dark; background: #ffffff; }
text { font: 12px ui-monospace, monospace; fill: #24292f; }
.axis { fill: #57606a; }
.signal { fill: none; stroke: #0550ae; stroke-width: 1.5; }
.other { stroke: #8250df; }
.burst { fill: #1a7f37; fill-opacity: 0.45; }
.cut { stroke: #afb8c1; stroke-dasharray: 2 3; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; }
  text { fill: #e6edf3; }
  .axis { fill: #8b949e; }
  .signal { stroke: #79c0ff; }
  .other { stroke: #d2a8ff; }
  .burst { fill: #56d364; }
  .cut { stroke: #484f58; }
}
`;

/** Where each stretch lies. */
interface Placed {
  readonly stretch: Stretch;
  readonly left: number;
  readonly right: number;
}

/**
 * Draws a waveform as an SVG document that needs nothing beside it: what `waveformText` draws, on one long strip. It
 * follows the reader's light or dark scheme, and has no script.
 */
export function waveformSvg(waveform: Waveform): string {
  const layout = layoutOf(waveform);
  const labels = [...layout.signals.map(({ name }) => name), ...layout.data.map(dataLabel)];
  const left = MARGIN + Math.max(...labels.map((label) => label.length), 0) * LETTER + MARGIN;
  const placed = place(layout.stretches, left);
  const bottom = MARGIN + labels.length * ROW_HEIGHT;
  const notes = noteLines(waveform);
  const width = Math.max(
    (placed.at(-1)?.right ?? left) + MARGIN,
    ...notes.map((line) => 2 * MARGIN + line.length * LETTER),
  );
  const height = bottom + TEXT_HEIGHT * (3 + notes.length) + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${px(width)}" height="${height}" viewBox="0 0 ${px(width)} ${height}" role="img">`,
    `<title>${escaped(`Waveform of ${waveform.port}`)}</title>`,
    `<style>${style}</style>`,
    ...cuts(placed, bottom),
    ...labels.map((label, row) => text(MARGIN, baseline(row) - 2, label)),
    ...layout.signals.map((signal, row) => signalPath(signal, placed, baseline(row), kindOf(waveform, signal.name))),
    ...layout.data.flatMap((data, index) => bursts(data, placed, baseline(layout.signals.length + index))),
    ...axis(layout, placed, bottom),
    ...notes.map((line, index) => text(MARGIN, bottom + TEXT_HEIGHT * (4 + index), line)),
    '</svg>\n',
  ].join('\n');
}

function place(stretches: readonly Stretch[], left: number): Placed[] {
  let x = left;
  return stretches.map((stretch) => {
    const from = x;
    x += LEAST_STRETCH + stretch.share * MOST_SHARE;
    return { stretch, left: from, right: x };
  });
}

/** Each change of the level is one `V` of the path. */
function signalPath({ name, levels }: SignalRow, placed: readonly Placed[], low: number, kind: string): string {
  const y = (level: number) => low - level * SWING;
  let path = `M${px(placed[0]?.left ?? 0)} ${y(levels[0] ?? 0)}`;
  for (const [index, { right }] of placed.entries()) {
    path += `H${px(right)}`;
    const level = levels[index] ?? 0;
    const next = levels[index + 1] ?? level;
    if (next !== level) path += `V${y(next)}`;
  }
  return `<path class="signal ${kind}" data-signal="${escaped(name)}" d="${path}"/>`;
}

function kindOf({ signals }: Waveform, name: string): string {
  return signals.find((signal) => signal.name === name)?.kind ?? 'other';
}

function bursts({ bursts: all }: DataRow, placed: readonly Placed[], low: number): string[] {
  return all.map(({ start, end, bytes }) => {
    const from = xOf(start, placed);
    const width = Math.max(2, xOf(end, placed) - from);
    return `<rect class="burst" x="${px(from)}" y="${low - SWING}" width="${px(width)}" height="${SWING}"><title>${bytes} bytes</title></rect>`;
  });
}

/** Within a stretch, time is linear. */
function xOf(time: number, placed: readonly Placed[]): number {
  const found = placed.find(({ stretch }) => time < stretch.end) ?? placed.at(-1);
  if (found === undefined) return 0;
  const { stretch, left, right } = found;
  const part = stretch.end === stretch.start ? 1 : (time - stretch.start) / (stretch.end - stretch.start);
  return left + Math.min(1, Math.max(0, part)) * (right - left);
}

/** Through the middle of each stretch that was longer than it is drawn. */
function cuts(placed: readonly Placed[], bottom: number): string[] {
  return placed
    .filter(({ stretch }) => stretch.compressed)
    .map(({ left, right }) => {
      const x = px((left + right) / 2);
      return `<line class="cut" x1="${x}" y1="${MARGIN}" x2="${x}" y2="${bottom}"/>`;
    });
}

function axis({ stretches }: Layout, placed: readonly Placed[], bottom: number): string[] {
  const lengths = stretches.map(({ start, end, compressed }, index) => {
    const { left, right } = placed[index] ?? { left: 0, right: 0 };
    const label = `${compressed ? '≈ ' : ''}${durationText(end - start, 'µ')}`;
    return text((left + right) / 2, bottom + TEXT_HEIGHT, label, 'axis', 'middle');
  });
  let free = 0;
  const moments = placed.flatMap(({ stretch, left }) => {
    if (left < free) return [];
    free = left + MOMENT;
    return [text(left, bottom + TEXT_HEIGHT * 2, momentText(stretch.start), 'axis')];
  });
  return [...lengths, ...moments];
}

function noteLines({ notes, dropped, start }: Waveform): string[] {
  const lines = notes.map(({ at, text: note }) => `${momentText(at)}  ${note}`);
  const missing = `${dropped} edges, bursts and notes before ${momentText(start)} were not kept`;
  return dropped === 0 ? lines : [...lines, missing];
}

function dataLabel({ name, bytes }: DataRow): string {
  return `${name} ${bytes} B`;
}

function baseline(row: number): number {
  return MARGIN + row * ROW_HEIGHT + 20;
}

function text(x: number, y: number, content: string, className?: string, anchor?: string): string {
  const attributes = [
    `x="${px(x)}" y="${px(y)}"`,
    ...(className === undefined ? [] : [`class="${className}"`]),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
    'xml:space="preserve"',
  ];
  return `<text ${attributes.join(' ')}>${escaped(content)}</text>`;
}

/** What XML has no place for, such as most control characters, is replaced. */
function escaped(content: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return printable(content).replace(/[&<>"]/g, (character) => entities[character] ?? '');
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
