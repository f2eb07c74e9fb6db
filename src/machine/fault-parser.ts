/** Reads faults as people write them, and shows where one is wrong. */
import { type ErrnoName, errno } from '../uapi/errno.js';
import { kexecSteps } from './events.js';
import { describeFault } from './fault-list.js';
import {
  anyCallPoints,
  type CallPoint,
  type Fault,
  type FaultPoint,
  faultPoints,
  givingCalls,
  killPoints,
  returningCalls,
} from './faults.js';
import { quoted } from './quote.js';

/** A fault that cannot be read. The message ends with two lines: the text, and a mark under what is wrong. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

/** A piece of the text, and where it stands. */
interface Piece {
  readonly text: string;
  readonly start: number;
}

interface Setting {
  readonly key: Piece;
  readonly value: Piece;
}

type Key = 'session' | 'token' | 'errno' | 'nth' | 'generation' | 'call' | 'after' | 'before';

/** Steps that belong to no one session. */
const withoutSession: readonly FaultPoint[] = ['open', 'reboot', 'flb_preserve', 'flb_retrieve', 'allocate'];
/** What is about one file. Those that kill have it for `after=freeze`, and for calls. */
const withToken: readonly FaultPoint[] = [
  'preserve_fd',
  'retrieve_fd',
  'preserve',
  'freeze',
  'retrieve',
  'can_finish',
  'emfile',
  'eintr',
  'kill_agent',
  'kill_machine',
  'kill_keeper',
];

/** @throws FaultError with a sentence and a mark under the place */
export function parseFault(text: string): Fault {
  const [head, ...rest] = split(text);
  const point = oneOf(text, 'point', head ?? { text: '', start: 0 }, faultPoints);
  const keys = keysOf(point);
  const settings = new Map<Key, Piece>();
  for (const piece of rest) {
    const { key, value } = settingIn(text, piece, keys);
    const name = oneOf(text, `setting of ${point}`, key, keys);
    if (settings.has(name)) throw wrong(text, key, `"${name}" is there twice`);
    settings.set(name, value);
  }
  return { point, text, ...defaultErrno(point), ...valuesOf(text, point, settings) };
}

function valuesOf(text: string, point: FaultPoint, settings: ReadonlyMap<Key, Piece>): Omit<Fault, 'point' | 'text'> {
  const { session, token, errno: code, nth, generation, call, after, before } = Object.fromEntries(settings);
  if (after !== undefined && before !== undefined)
    throw wrong(text, before, 'it can be killed after or before, not both');
  return {
    nth: nth === undefined ? 1 : Number(countIn(text, nth)),
    ...(session === undefined ? {} : { session: session.text }),
    ...(token === undefined ? {} : { token: numberIn(text, token, 'a token') }),
    ...(code === undefined ? {} : { errno: oneOf(text, 'error', code, errorNames) }),
    ...(generation === undefined ? {} : { generation: Number(countIn(text, generation)) }),
    ...(call === undefined ? {} : { call: oneOf(text, 'call', call, callsOf(point)) }),
    ...(before === undefined ? {} : { before: oneOf(text, 'call', before, returningCalls) }),
    ...(after === undefined ? {} : { after: afterIn(text, point, after) }),
  };
}

function afterIn(text: string, point: FaultPoint, after: Piece) {
  return oneOf(text, `call or step of a kexec to ${point} after`, after, [...returningCalls, ...kexecSteps]);
}

/** Those at which `call=` can let the point strike. */
function callsOf(point: FaultPoint): readonly CallPoint[] {
  return point === 'emfile' ? givingCalls : returningCalls;
}

function keysOf(point: FaultPoint): readonly Key[] {
  const kills = killPoints.some((one) => one === point);
  return [
    ...(withoutSession.includes(point) ? [] : (['session'] as const)),
    ...(withToken.includes(point) ? (['token'] as const) : []),
    ...(kills ? [] : (['errno'] as const)),
    ...(anyCallPoints.some((one) => one === point) ? (['call'] as const) : []),
    ...(kills ? (['after'] as const) : []),
    ...(point === 'kill_agent' ? (['before'] as const) : []),
    'nth',
    'generation',
  ];
}

function defaultErrno(point: FaultPoint): Pick<Fault, 'errno'> {
  const { errno: code } = describeFault(point);
  return code === undefined ? {} : { errno: code };
}

// The keys of the table are the names.
const errorNames = Object.keys(errno) as ErrnoName[];

/** At each colon that is not within quotes. */
function split(text: string): Piece[] {
  return [...text.matchAll(/(?:^|:)((?:"(?:[^"\\]|\\.)*"|[^:])*)/gs)].map((match) => {
    const [whole, piece = ''] = match;
    return { text: piece, start: match.index + whole.length - piece.length };
  });
}

function settingIn(text: string, piece: Piece, keys: readonly Key[]): Setting {
  const equals = piece.text.indexOf('=');
  if (equals < 0)
    throw wrong(text, piece, `${quoted(piece.text)} is no setting. Write NAME=VALUE with one of ${keys.join(', ')}`);
  const key = { text: piece.text.slice(0, equals), start: piece.start };
  const value = { text: piece.text.slice(equals + 1), start: piece.start + equals + 1 };
  if (value.text === '') throw wrong(text, piece, `${quoted(key.text)} has no value`);
  return { key, value: unquoted(text, value) };
}

/** A value with colons stands in quotes, as a text of JSON. */
function unquoted(text: string, value: Piece): Piece {
  if (!value.text.startsWith('"')) return value;
  try {
    return { text: String(JSON.parse(value.text)), start: value.start };
  } catch {
    throw wrong(text, value, 'the quotes do not match, or something in them is no JSON');
  }
}

function numberIn(text: string, piece: Piece, what: string): bigint {
  const largest = 2n ** 64n - 1n;
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(piece.text) ? BigInt(piece.text) : undefined;
  if (number !== undefined && number <= largest) return number;
  throw wrong(text, piece, `${quoted(piece.text)} is not ${what}: write a number of 64 bits, such as 26 or 0x1a`);
}

function countIn(text: string, piece: Piece): bigint {
  const number = numberIn(text, piece, 'a count');
  if (number > 0n && number <= BigInt(Number.MAX_SAFE_INTEGER)) return number;
  throw wrong(text, piece, 'it is counted from 1');
}

/** The word, where it is one of those that are known. */
function oneOf<Word extends string>(text: string, what: string, piece: Piece, words: readonly Word[]): Word {
  const found = words.find((word) => word === piece.text);
  if (found !== undefined) return found;
  const nearest = nearestOf(piece.text, words);
  const hint = nearest === undefined ? '' : `. Did you mean "${nearest}"?`;
  // All errors are more than anybody wants to read.
  const known = words.length > 30 ? '' : ` There are ${words.join(', ')}`;
  const sentence = piece.text === '' ? `a ${what} is missing` : `there is no ${what} ${quoted(piece.text)}`;
  throw wrong(text, piece, `${sentence}${hint || '.'}${known}`);
}

function wrong(text: string, { text: word, start }: Piece, reason: string): FaultError {
  // A control character would be something else where it is shown.
  const shown = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  const mark = `${' '.repeat(start)}^${'~'.repeat(Math.max(0, word.length - 1))}`;
  return new FaultError(`Cannot inject a fault: ${reason.replace(/\.$/, '')}\n\n    ${shown}\n    ${mark}`);
}

/** The word that takes the fewest changes to become, where that is not nearly all of it. */
function nearestOf<Word extends string>(text: string, words: readonly Word[]): Word | undefined {
  const [best] = words
    .map((word) => ({ word, distance: distanceOf(text.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(2, best.word.length / 3) ? best.word : undefined;
}

/** How many letters are to be put in, left out or changed (Levenshtein). */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
