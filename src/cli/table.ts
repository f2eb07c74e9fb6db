/** Tables and words for people. */
import { quoted } from '../machine/quote.js';

/** Columns that are as wide as their widest cell, under a heading each. */
export function table(headings: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${lines.map(format).join('\n')}\n`;
}

/** A word as it is, where it can be told from others; else in quotes. */
export function word(text: string): string {
  return /^[^\s"\p{C}]+$/u.test(text) ? text : quoted(text);
}
