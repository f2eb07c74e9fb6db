/** Values of options, as the parser of the command line reads them. */
import { InvalidArgumentError, Option } from 'commander';

/** For an option that may be repeated. */
export function append(word: string, words: readonly string[] = []): readonly string[] {
  return [...words, word];
}

/** A length of time. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number of seconds, 0 or more.');
  return value;
}

/** An option whose value is a whole number. */
export function count(flags: string, description: string, value: number): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
    throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  });
}
