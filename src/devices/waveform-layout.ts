/**
 * Where things go in a picture of a waveform, whatever draws it. The time axis is cut at each edge: edges of one
 * instant are one step, and between two steps lies a stretch, in which nothing changes.
 */
import { type DataLine, dataLines, type Level, levelAfter, type SignalTrace, type Waveform } from './waveform.js';

export interface Stretch {
  readonly start: number;
  readonly end: number;
  /** How long it is, as a fraction of the longest that is drawn in proportion: 1 for that one and all longer. */
  readonly share: number;
  /** It is longer than it is drawn. */
  readonly compressed: boolean;
}

export interface SignalRow {
  readonly name: string;
  /** One for each stretch. Between two that differ is an edge. */
  readonly levels: readonly Level[];
}

export interface DataRow {
  readonly name: DataLine;
  readonly bytes: number;
  readonly bursts: readonly { readonly start: number; readonly end: number; readonly bytes: number }[];
}

export interface Layout {
  readonly stretches: readonly Stretch[];
  readonly signals: readonly SignalRow[];
  readonly data: readonly DataRow[];
}

/** The longest stretch in proportion is so many times the shortest; what is longer is compressed to it. */
const LONGEST_TO_SHORTEST = 8;

/** The order of rows; others follow in theirs. */
const rowOrder: readonly string[] = ['DTR', 'RTS', 'CTS', 'DSR', 'DCD', 'RI', 'BREAK'];
/** What has a row even where nothing happened on it. */
const alwaysShown: readonly string[] = ['DTR', 'RTS'];

export function layoutOf(waveform: Waveform): Layout {
  const shown = waveform.signals.filter(isShown).sort((a, b) => rankOf(a) - rankOf(b));
  const steps = stepsOf(shown);
  const bounds = [waveform.start, ...steps.map(({ at }) => at), waveform.end];
  return {
    stretches: stretchesBetween(bounds),
    signals: shown.map(({ name, initial }) => ({ name, levels: levelsOf(name, initial, steps) })),
    data: dataLines.flatMap((name) => {
      const bursts = waveform.bursts.filter(({ line }) => line === name);
      return bursts.length === 0 ? [] : [{ name, bursts, bytes: bursts.reduce((sum, { bytes }) => sum + bytes, 0) }];
    }),
  };
}

function isShown({ name, initial, edges }: SignalTrace): boolean {
  return edges.length > 0 || initial === 1 || alwaysShown.includes(name);
}

function rankOf({ name }: SignalTrace): number {
  const rank = rowOrder.indexOf(name);
  return rank < 0 ? rowOrder.length : rank;
}

interface Step {
  readonly at: number;
  /** Which of the edges that a signal has at this very time. */
  readonly turn: number;
  readonly signals: Set<string>;
}

/** A signal that changes twice at one time gets two steps: neither edge may hide the other. */
function stepsOf(signals: readonly SignalTrace[]): Step[] {
  const steps = new Map<string, Step>();
  for (const { name, edges } of signals) {
    let turn = 0;
    for (const [index, at] of edges.entries()) {
      turn = edges[index - 1] === at ? turn + 1 : 0;
      const key = `${at} ${turn}`;
      const step = steps.get(key) ?? { at, turn, signals: new Set() };
      steps.set(key, step);
      step.signals.add(name);
    }
  }
  return [...steps.values()].sort((a, b) => a.at - b.at || a.turn - b.turn);
}

function levelsOf(name: string, initial: Level, steps: readonly Step[]): Level[] {
  let edges = 0;
  const after = steps.map(({ signals }) => {
    if (signals.has(name)) edges += 1;
    return levelAfter(initial, edges);
  });
  return [initial, ...after];
}

function stretchesBetween(bounds: readonly number[]): Stretch[] {
  const pairs = bounds.slice(1).map((end, index) => ({ start: bounds[index] ?? end, end }));
  const lengths = pairs.map(({ start, end }) => end - start).filter((length) => length > 0);
  const shortest = lengths.reduce((least, length) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const longest = shortest * LONGEST_TO_SHORTEST;
  return pairs.map(({ start, end }) => {
    const length = end - start;
    return {
      start,
      end,
      share: length === 0 ? 0 : Math.min(1, length / longest),
      compressed: length > longest,
    };
  });
}
