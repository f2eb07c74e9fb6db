/** How the things of a test are said. */
import type { CallEvent } from '../machine/events.js';

/** A session's name, so that nothing in it can do anything to a terminal. */
export function session(name: string): string {
  return `session ${printable(JSON.stringify(name))}`;
}

export function hexToken(token: string): string {
  return `0x${BigInt(token).toString(16)}`;
}

export function file(token: string): string {
  return `file ${hexToken(token)}`;
}

/** Files by their tokens; of many, the first ones. */
export function files(tokens: readonly string[]): string {
  const MOST = 8;
  if (tokens.length === 0) return 'no file';
  const named = tokens.slice(0, MOST).map(hexToken).join(', ');
  const rest = tokens.length > MOST ? ` and ${tokens.length - MOST} more` : '';
  return `${tokens.length === 1 ? 'file' : `${tokens.length} files:`} ${named}${rest}`;
}

/** One call, such as `RETRIEVE_FD file 0x1 of session "a": ENOENT`. */
export function describeCall({ call, session: name, token, error, result }: CallEvent): string {
  const of = name === undefined ? '' : ` ${token === undefined ? '' : `${file(token)} of `}${session(name)}`;
  const how = error ?? (result === undefined ? 'did not come back' : undefined);
  return `${call}${of}${how === undefined ? '' : `: ${how}`}`;
}

/** A time that somebody waited. */
export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Text of others, on one line or more, without what would do something to a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    /[\n\t]/.test(character) ? character : `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`,
  );
}
