import type { Option } from 'commander';

/**
 * Options whose value may be left out take it with "=" only: the word after them is another one, or the command. The
 * parser would take any word, so those without a value get an empty one.
 *
 * @param words what follows the name of the command
 * @param options those of the command
 */
export function withEmptyValues(words: readonly string[], options: readonly Option[]): string[] {
  const done: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    // Here the program and its own options begin.
    if (!word.startsWith('-') || word === '--') return [...done, ...words.slice(i)];
    const option = options.find(({ short, long }) => word === short || word === long);
    done.push(option?.optional ? `${word}=` : word);
    const value = words[i + 1];
    if (!option?.required || value === undefined) continue;
    done.push(value);
    i += 1;
  }
  return done;
}
