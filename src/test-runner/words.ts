/** A command that could not be understood, in a sentence. */
export class WordsError extends Error {
  override readonly name = 'WordsError';
}

/**
 * The words of a command line, as a shell splits them: at blanks, but for what is in quotes or follows a backslash.
 * Nothing else means anything: no variables, patterns, pipes or redirections.
 *
 * @throws WordsError where a quote is not closed, or a backslash is the last character
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    const next = text[at + 1];
    if (character === '\\' && quote !== "'" && (quote === undefined || next === '"' || next === '\\')) {
      if (next === undefined) throw new WordsError(`Cannot read the command ${text}: it ends with a backslash`);
      word = (word ?? '') + next;
      at += 1;
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== undefined) throw new WordsError(`Cannot read the command ${text}: the quote ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** Words as a person would type them in a shell. `splitWords` gives them back. */
export function joinWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
