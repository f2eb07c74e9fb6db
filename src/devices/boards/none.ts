import type { Board } from '../wires.js';

/** Nothing is at the other end. The wires are recorded nevertheless. */
export class NoBoard implements Board {
  readonly name = 'none';

  counts(): Readonly<Record<string, number>> {
    return {};
  }

  linesChanged(): void {}

  received(): void {}
}
