/** Waveforms for tests. */
import fc from 'fast-check';
import {
  type Burst,
  dataLines,
  type Level,
  type Note,
  signalKinds,
  WAVEFORM_FORMAT,
  WAVEFORM_VERSION,
  type Waveform,
} from '../waveform.js';

export interface WaveformParts {
  readonly end?: number;
  readonly notes?: readonly Note[];
  readonly bursts?: readonly Burst[];
  readonly dropped?: number;
}

/** Outputs that are low at first, with their edges. */
export function waveformOf(edges: Readonly<Record<string, readonly number[]>>, parts: WaveformParts = {}): Waveform {
  const last = Math.max(0, ...Object.values(edges).flat());
  return {
    format: WAVEFORM_FORMAT,
    version: WAVEFORM_VERSION,
    port: 'ttyS0',
    start: 0,
    end: parts.end ?? last + 1000,
    signals: Object.entries(edges).map(([name, times]) => ({ name, kind: 'output', initial: 0, edges: times })),
    bursts: parts.bursts ?? [],
    notes: parts.notes ?? [],
    dropped: parts.dropped ?? 0,
  };
}

/** What JSON makes has the usual prototype. */
const usual = { noNullPrototype: true };

const LAST = 2_000;
const time = fc.nat(LAST);
const level = fc.constantFrom<Level[]>(0, 1);

export const anyWaveform: fc.Arbitrary<Waveform> = fc
  .record({
    port: fc.string(),
    signals: fc.uniqueArray(
      fc.record(
        {
          name: fc.string({ minLength: 1, maxLength: 8 }),
          kind: fc.constantFrom(...signalKinds),
          initial: level,
          edges: fc.array(time, { maxLength: 12 }).map((times) => times.toSorted((a, b) => a - b)),
        },
        usual,
      ),
      { selector: ({ name }) => name, maxLength: 5 },
    ),
    bursts: fc.array(
      fc
        .record({ line: fc.constantFrom(...dataLines), times: fc.tuple(time, time), bytes: fc.nat() }, usual)
        .map(burst),
      { maxLength: 5 },
    ),
    notes: fc.array(fc.record({ at: time, text: fc.string() }, usual), { maxLength: 5 }),
    dropped: fc.nat(),
  })
  .map((parts) => ({ ...parts, format: WAVEFORM_FORMAT, version: WAVEFORM_VERSION, start: 0, end: LAST }));

function burst({ line, times, bytes }: { line: Burst['line']; times: [number, number]; bytes: number }): Burst {
  return { line, start: Math.min(...times), end: Math.max(...times), bytes };
}
