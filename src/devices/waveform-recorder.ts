import type { Clock } from './clock.js';
import {
  type Burst,
  type DataLine,
  type Level,
  type Note,
  type SignalKind,
  type SignalTrace,
  WAVEFORM_FORMAT,
  WAVEFORM_VERSION,
  type Waveform,
} from './waveform.js';

/** How many edges, bursts and notes are kept where nothing else is said. They take some megabytes. */
export const WAVEFORM_CAPACITY = 65_536;

/** No note is longer, so that the capacity bounds the memory. In UTF-16 units. */
export const LONGEST_NOTE = 300;

interface Edge {
  readonly at: number;
  readonly signal: string;
  readonly level: Level;
}

interface Signal {
  readonly kind: SignalKind;
  /** The level at the start of what is kept. */
  initial: Level;
  level: Level;
}

type MutableBurst = { -readonly [Key in keyof Burst]: Burst[Key] };

type Entry =
  | { readonly kind: 'edge'; readonly edge: Edge }
  | { readonly kind: 'burst'; readonly burst: MutableBurst }
  | { readonly kind: 'note'; readonly note: Note };

/** Writes down what happens on the wires. Where there is no more room, the oldest goes: what is wrong was just now. */
export class WaveformRecorder {
  readonly #clock: Clock;
  readonly #port: string;
  readonly #capacity: number;
  readonly #signals = new Map<string, Signal>();
  /** In the order in which they came. */
  readonly #entries: Entry[] = [];
  /** The last burst of each line, which the next bytes may belong to. */
  readonly #latest = new Map<DataLine, MutableBurst>();
  #start: number;
  #dropped = 0;

  /** @param capacity edges, bursts and notes; at least 4 */
  constructor(clock: Clock, port: string, capacity = WAVEFORM_CAPACITY) {
    if (!Number.isSafeInteger(capacity) || capacity < 4)
      throw new RangeError(`Cannot record a waveform of ${capacity} entries: it must have room for at least 4`);
    this.#clock = clock;
    this.#port = port;
    this.#capacity = capacity;
    this.#start = this.#now();
  }

  /** Makes a signal known, with the level that it has had so far. One that is known keeps what it is. */
  declare(name: string, kind: SignalKind, level: Level): void {
    if (!this.#signals.has(name)) this.#signals.set(name, { kind, initial: level, level });
  }

  /** Sets a signal that was declared. The level that it has already is no edge. */
  set(name: string, level: Level): void {
    const signal = this.#signals.get(name);
    if (signal === undefined) throw new RangeError(`Cannot set signal "${name}": it was never declared`);
    if (signal.level === level) return;
    signal.level = level;
    this.#add({ kind: 'edge', edge: { at: this.#now(), signal: name, level } });
  }

  /** Bytes that passed from `start` until now. What follows on the last ones without a gap is one burst with them. */
  passed(line: DataLine, start: number, bytes: number): void {
    const end = this.#now();
    const begin = Math.min(rounded(start), end);
    const latest = this.#latest.get(line);
    if (latest !== undefined && begin <= latest.end) {
      latest.end = end;
      latest.bytes += bytes;
      return;
    }
    const burst = { line, start: begin, end, bytes };
    this.#add({ kind: 'burst', burst });
    this.#latest.set(line, burst);
  }

  note(text: string): void {
    const short = text.length > LONGEST_NOTE ? `${text.slice(0, LONGEST_NOTE - 1)}…` : text;
    this.#add({ kind: 'note', note: { at: this.#now(), text: short } });
  }

  /** What was recorded until now. It does not change afterwards. */
  snapshot(): Waveform {
    const edges = new Map<string, number[]>([...this.#signals.keys()].map((name) => [name, []]));
    const bursts: Burst[] = [];
    const notes: Note[] = [];
    for (const entry of this.#entries) {
      if (entry.kind === 'edge') edges.get(entry.edge.signal)?.push(entry.edge.at);
      else if (entry.kind === 'burst') bursts.push({ ...entry.burst });
      else notes.push(entry.note);
    }
    const signals = [...this.#signals].map(
      ([name, { kind, initial }]): SignalTrace => ({ name, kind, initial, edges: edges.get(name) ?? [] }),
    );
    return {
      format: WAVEFORM_FORMAT,
      version: WAVEFORM_VERSION,
      port: this.#port,
      start: this.#start,
      end: this.#now(),
      signals,
      bursts: bursts.sort((a, b) => a.end - b.end),
      notes,
      dropped: this.#dropped,
    };
  }

  #add(entry: Entry): void {
    if (this.#entries.length >= this.#capacity) this.#dropOldest();
    this.#entries.push(entry);
  }

  /** A quarter at once: one at a time would move all the others each time. */
  #dropOldest(): void {
    const gone = this.#entries.splice(0, Math.ceil(this.#capacity / 4));
    this.#dropped += gone.length;
    for (const entry of gone) {
      this.#start = Math.max(this.#start, timeOf(entry));
      if (entry.kind !== 'edge') continue;
      const signal = this.#signals.get(entry.edge.signal);
      if (signal !== undefined) signal.initial = entry.edge.level;
    }
    // One of them may have gone; bytes that are added to it would be lost.
    this.#latest.clear();
  }

  #now(): number {
    return rounded(this.#clock.now());
  }
}

function timeOf(entry: Entry): number {
  if (entry.kind === 'edge') return entry.edge.at;
  return entry.kind === 'note' ? entry.note.at : entry.burst.start;
}

/** To nanoseconds: what is finer comes from the arithmetic of bit times. */
function rounded(microseconds: number): number {
  return Math.round(microseconds * 1000) / 1000;
}
