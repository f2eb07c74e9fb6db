import { type Preservable, preservable } from '../kernel/kernel.js';
import { SetupError } from './directories.js';

/**
 * The kinds of files that a machine preserves beside those of Linux.
 *
 * @param text kinds with commas between them
 * @throws SetupError for a kind that luo does not know
 */
export function parseKinds(text: string): Preservable[] {
  const words = text.split(',').map((word) => word.trim());
  return words.map((word) => {
    const kind = preservable.find((one) => one === word);
    if (kind !== undefined) return kind;
    throw new SetupError(
      `Cannot preserve files of kind "${word}": luo does not know it. With --preserve, luo can preserve ${preservable.join(', ')}`,
    );
  });
}
