/** The JSON form of waveforms: the members of `Waveform`, as they are. Readers ignore members that they do not know. */
import {
  type Burst,
  dataLines,
  type Level,
  type Note,
  type SignalTrace,
  signalKinds,
  WAVEFORM_FORMAT,
  WAVEFORM_VERSION,
  type Waveform,
} from './waveform.js';

export function encodeWaveform(waveform: Waveform): string {
  return JSON.stringify(waveform);
}

/** @throws SyntaxError that names the member which is not what it must be */
export function decodeWaveform(text: string): Waveform {
  const top = objectIn(parse(text), 'the waveform');
  if (top['format'] !== WAVEFORM_FORMAT) throw wrong('format', `must be "${WAVEFORM_FORMAT}"`);
  if (top['version'] !== WAVEFORM_VERSION) {
    const version = JSON.stringify(top['version']) ?? 'missing';
    throw wrong('version', `is ${version}, and this luo reads version ${WAVEFORM_VERSION}`);
  }
  const start = timeIn(top['start'], 'start');
  const end = timeIn(top['end'], 'end');
  if (end < start) throw wrong('end', 'must not be before the start');
  const signals = arrayIn(top['signals'], 'signals').map((value, index) =>
    signalIn(value, `signals[${index}]`, start, end),
  );
  const again = signals.findIndex(({ name }, index) => signals.slice(0, index).some((other) => other.name === name));
  if (again >= 0) throw wrong(`signals[${again}].name`, 'is the name of an earlier signal');
  return {
    format: WAVEFORM_FORMAT,
    version: WAVEFORM_VERSION,
    port: stringIn(top['port'], 'port'),
    start,
    end,
    signals,
    bursts: arrayIn(top['bursts'], 'bursts').map((value, index) => burstIn(value, `bursts[${index}]`, end)),
    notes: arrayIn(top['notes'], 'notes').map((value, index) => noteIn(value, `notes[${index}]`)),
    dropped: countIn(top['dropped'], 'dropped'),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError('Cannot read the waveform: it is no JSON', { cause: error });
  }
}

function signalIn(value: unknown, place: string, start: number, end: number): SignalTrace {
  const signal = objectIn(value, place);
  const edges = arrayIn(signal['edges'], `${place}.edges`).map((edge, index) =>
    timeIn(edge, `${place}.edges[${index}]`),
  );
  let before = start;
  for (const [index, edge] of edges.entries()) {
    if (edge < before || edge > end)
      throw wrong(`${place}.edges[${index}]`, 'must lie between the start and the end, and not before the last edge');
    before = edge;
  }
  return {
    name: stringIn(signal['name'], `${place}.name`),
    kind: oneOf(signal['kind'], `${place}.kind`, signalKinds),
    initial: oneOf(signal['initial'], `${place}.initial`, levels),
    edges,
  };
}

function burstIn(value: unknown, place: string, end: number): Burst {
  const burst = objectIn(value, place);
  const from = timeIn(burst['start'], `${place}.start`);
  const to = timeIn(burst['end'], `${place}.end`);
  if (to < from || to > end) throw wrong(`${place}.end`, 'must not be before its start or after the end of all');
  return {
    line: oneOf(burst['line'], `${place}.line`, dataLines),
    start: from,
    end: to,
    bytes: countIn(burst['bytes'], `${place}.bytes`),
  };
}

function noteIn(value: unknown, place: string): Note {
  const note = objectIn(value, place);
  return { at: timeIn(note['at'], `${place}.at`), text: stringIn(note['text'], `${place}.text`) };
}

const levels: readonly Level[] = [0, 1];

function oneOf<Value extends string | number>(value: unknown, place: string, values: readonly Value[]): Value {
  const found = values.find((one) => one === value);
  if (found === undefined) throw wrong(place, `must be one of ${values.join(', ')}`);
  return found;
}

function objectIn(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(place, 'must be an object');
  return { ...value };
}

function arrayIn(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(place, 'must be an array');
  return value;
}

function stringIn(value: unknown, place: string): string {
  if (typeof value !== 'string') throw wrong(place, 'must be a string');
  return value;
}

function timeIn(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(place, 'must be a time in microseconds');
  return value;
}

function countIn(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(place, 'must be a count');
  return value;
}

function wrong(place: string, reason: string): SyntaxError {
  return new SyntaxError(`Cannot read the waveform: ${place} ${reason}`);
}
