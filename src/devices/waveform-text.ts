import { printable } from './printable.js';
import { durationText, momentText } from './time-text.js';
import type { Level, Waveform } from './waveform.js';
import { type DataRow, type Layout, layoutOf, type SignalRow, type Stretch } from './waveform-layout.js';

export interface WaveformTextOptions {
  /** Columns of the terminal. Below 40 counts as 40. */
  readonly width: number;
  /** Draws with ASCII alone. */
  readonly ascii?: boolean;
}

const LEAST_WIDTH = 40;
/** The most columns that a stretch takes beyond those of its label. */
const MOST_COLUMNS = 16;

interface Pen {
  readonly levels: readonly [low: string, high: string];
  readonly rise: string;
  readonly fall: string;
  readonly compressed: string;
  readonly idle: string;
  readonly busy: string;
  readonly micro: string;
}

const unicode: Pen = {
  levels: ['▁', '─'],
  rise: '┌',
  fall: '┐',
  compressed: '≈',
  idle: '·',
  busy: '▒',
  micro: 'µ',
};
const plain: Pen = {
  levels: ['_', '-'],
  rise: '/',
  fall: '\\',
  compressed: '~',
  idle: '.',
  busy: '#',
  micro: 'u',
};

/** A stretch, and how many columns it takes. */
interface Piece {
  readonly index: number;
  readonly stretch: Stretch;
  readonly label: string;
  readonly columns: number;
}

/**
 * Draws a waveform for a terminal: a row a signal, a column for each edge, and below them the length of each stretch
 * between two edges. A stretch that is much longer than the shortest is drawn shorter than it was, and marked (`≈`).
 * What does not fit the width goes on below. Signals on which nothing happened are left out, but for DTR and RTS.
 *
 * @returns lines, each with its newline
 */
export function waveformText(waveform: Waveform, { width, ascii = false }: WaveformTextOptions): string {
  const pen = ascii ? plain : unicode;
  const layout = layoutOf(waveform);
  const names = labelsOf(layout);
  const margin = Math.max(...names.map((name) => name.length), 'time'.length) + 2;
  const room = Math.max(width, LEAST_WIDTH) - margin;
  const panels = panelsOf(layout, room, pen).map((pieces) => panelText(layout, pieces, names, margin, pen));
  return [...panels, notesText(waveform, ascii)].filter((part) => part !== '').join('\n');
}

function labelsOf({ signals, data }: Layout): string[] {
  return [...signals.map(({ name }) => printable(name)), ...data.map(({ name, bytes }) => `${name} ${bytes} B`)];
}

/** Stretches by the line that they are drawn on. Each is followed by the column of its edge. */
function panelsOf({ stretches }: Layout, room: number, pen: Pen): Piece[][] {
  const panels: Piece[][] = [];
  let free = 0;
  for (const [index, stretch] of stretches.entries()) {
    const label = durationText(stretch.end - stretch.start, pen.micro);
    const columns = Math.min(room - 1, label.length + 2 + Math.round(stretch.share * MOST_COLUMNS));
    const last = panels.at(-1);
    if (last !== undefined && columns + 1 <= free) last.push({ index, stretch, label, columns });
    else {
      panels.push([{ index, stretch, label, columns }]);
      free = room;
    }
    free -= columns + 1;
  }
  return panels;
}

function panelText(
  layout: Layout,
  pieces: readonly Piece[],
  names: readonly string[],
  margin: number,
  pen: Pen,
): string {
  const drawn = [
    ...layout.signals.map((row) => signalText(row, pieces, pen)),
    ...layout.data.map((row) => dataText(row, pieces, pen)),
  ];
  const rows = drawn.map((row, index) => (names[index] ?? '').padEnd(margin) + row);
  const lengths = pieces.map(({ label, columns }) => centred(label, columns)).join(' ');
  const axis = [''.padEnd(margin) + lengths, 'time'.padEnd(margin) + momentsText(pieces)];
  return [...rows, ...axis].map((line) => `${line.trimEnd()}\n`).join('');
}

function signalText({ levels }: SignalRow, pieces: readonly Piece[], pen: Pen): string {
  return pieces
    .map(({ index, stretch, columns }) => {
      const level = levels[index] ?? 0;
      const line = pen.levels[level].repeat(columns);
      return marked(line, stretch, pen) + edgeText(level, levels[index + 1] ?? level, pen);
    })
    .join('');
}

function edgeText(before: Level, after: Level, pen: Pen): string {
  if (before === after) return pen.levels[before];
  return after === 1 ? pen.rise : pen.fall;
}

function dataText(row: DataRow, pieces: readonly Piece[], pen: Pen): string {
  const from = pieces[0]?.stretch.start ?? 0;
  const to = pieces.at(-1)?.stretch.end ?? from;
  const bursts = row.bursts.filter(({ start, end }) => end >= from && start <= to);
  return pieces
    .map(({ stretch, columns }) => {
      const { start, end } = stretch;
      const width = (end - start) / columns;
      const cells = Array.from({ length: columns }, () => pen.idle);
      for (const burst of bursts) {
        if (width === 0 || burst.end < start || burst.start >= end) continue;
        const first = Math.max(0, Math.floor((burst.start - start) / width));
        const last = Math.min(columns - 1, Math.max(first, Math.ceil((burst.end - start) / width) - 1));
        cells.fill(pen.busy, first, last + 1);
      }
      return cells.join('') + (bursts.some((burst) => burst.start <= end && burst.end > end) ? pen.busy : pen.idle);
    })
    .join('');
}

/** The mark in the middle of a stretch that was longer. */
function marked(line: string, { compressed }: Stretch, pen: Pen): string {
  const middle = Math.floor(line.length / 2);
  return compressed ? line.slice(0, middle) + pen.compressed + line.slice(middle + 1) : line;
}

/** The moments at which the panel and its stretches begin, where there is room. Each begins under its edge. */
function momentsText(pieces: readonly Piece[]): string {
  let text = '';
  let column = 0;
  for (const { stretch, columns } of pieces) {
    // The edge stands in the column before the stretch that it begins.
    const place = Math.max(0, column - 1);
    if (text === '' || place > text.length) text = text.padEnd(place) + momentText(stretch.start);
    column += columns + 1;
  }
  return text.length > column ? text.slice(0, text.lastIndexOf('  ')) : text;
}

function centred(text: string, columns: number): string {
  const free = Math.max(0, columns - text.length);
  return text.padStart(text.length + Math.floor(free / 2)).padEnd(columns);
}

function notesText({ notes, dropped, start }: Waveform, ascii: boolean): string {
  const moments = notes.map(({ at }) => momentText(at));
  const width = moments.reduce((most, { length }) => Math.max(most, length), 0);
  const lines = notes.map(({ text }, index) => `${(moments[index] ?? '').padStart(width)}  ${shown(text, ascii)}\n`);
  const missing =
    dropped === 0 ? [] : [`${dropped} edges, bursts and notes before ${momentText(start)} were not kept\n`];
  return [...lines, ...missing].join('');
}

function shown(text: string, ascii: boolean): string {
  return ascii ? printable(text).replace(/[^\x20-\x7e]/gu, '?') : printable(text);
}
