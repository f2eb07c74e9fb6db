/**
 * What happened on the wires of a serial port, as plain data: its own JSON form, version 1.
 *
 * Times are microseconds of the port's clock. A level is 1 where a signal is asserted, as programs say it: at the
 * connector that is the positive voltage of RS-232 and the low one of TTL. For pins of a board (`EN`, `GPIO0`, `RESET`)
 * and for `POWER`, which have no such sense, 1 is high, and on.
 */

export type Level = 0 | 1;

/** Seen from the port: DTR, RTS and BREAK are outputs, CTS, DSR, DCD and RI are inputs. `other` is on the board. */
export type SignalKind = 'output' | 'input' | 'other';
export const signalKinds: readonly SignalKind[] = ['output', 'input', 'other'];

/** The two lines whose bytes are counted in place of their bits. TXD is what the port sends. */
export type DataLine = 'TXD' | 'RXD';
export const dataLines: readonly DataLine[] = ['TXD', 'RXD'];

export const WAVEFORM_FORMAT = 'luo-waveform';
export const WAVEFORM_VERSION = 1;

export interface SignalTrace {
  readonly name: string;
  readonly kind: SignalKind;
  /** The level at the start. */
  readonly initial: Level;
  /** When it changed, in ascending order; each time it became what it was not. */
  readonly edges: readonly number[];
}

/** Bytes without a gap between them. */
export interface Burst {
  readonly line: DataLine;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

export interface Note {
  readonly at: number;
  readonly text: string;
}

export interface Waveform {
  readonly format: typeof WAVEFORM_FORMAT;
  readonly version: typeof WAVEFORM_VERSION;
  /** The name of the tty. */
  readonly port: string;
  readonly start: number;
  readonly end: number;
  readonly signals: readonly SignalTrace[];
  /** In the order of their ends. */
  readonly bursts: readonly Burst[];
  readonly notes: readonly Note[];
  /** How many edges, bursts and notes from before the start were let go, for want of room. */
  readonly dropped: number;
}

/** A pulse that is shorter than anybody meant. */
export interface Glitch {
  readonly signal: string;
  /** The level for as long as it lasted. */
  readonly level: Level;
  readonly start: number;
  readonly end: number;
}

/** The pulses that are shorter than `shorterThan` microseconds, the earliest first. */
export function glitches(waveform: Waveform, shorterThan: number): Glitch[] {
  return waveform.signals
    .flatMap(({ name, initial, edges }) =>
      edges.slice(1).map((end, index): Glitch => {
        const start = edges[index] ?? end;
        return { signal: name, level: levelAfter(initial, index + 1), start, end };
      }),
    )
    .filter(({ start, end }) => end - start < shorterThan)
    .sort((a, b) => a.start - b.start);
}

/** The level of a signal at a time; after an edge of that very time. */
export function levelAt({ initial, edges }: SignalTrace, time: number): Level {
  return levelAfter(initial, edges.filter((edge) => edge <= time).length);
}

/** The part of a waveform between two times, edges of these very times included. */
export function cutWaveform(waveform: Waveform, from: number, to: number): Waveform {
  const start = Math.max(from, waveform.start);
  const end = Math.max(start, Math.min(to, waveform.end));
  const within = (time: number) => time >= start && time <= end;
  return {
    ...waveform,
    start,
    end,
    signals: waveform.signals.map(({ name, kind, initial, edges }) => ({
      name,
      kind,
      initial: levelAfter(initial, edges.filter((edge) => edge < start).length),
      edges: edges.filter(within),
    })),
    bursts: waveform.bursts.filter((burst) => burst.end >= start && burst.start <= end),
    notes: waveform.notes.filter(({ at }) => within(at)),
  };
}

/** The level after so many edges. */
export function levelAfter(initial: Level, edges: number): Level {
  return edges % 2 === 0 ? initial : opposite(initial);
}

export function opposite(level: Level): Level {
  return level === 0 ? 1 : 0;
}
