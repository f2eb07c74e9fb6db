import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What happened when: each line is printed as it comes, with the milliseconds since the timeline was made. */
export class Timeline {
  readonly #begun = performance.now();
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  add(line: string): void {
    const time = (performance.now() - this.#begun).toFixed(0);
    console.log(`${time.padStart(7)} ms  ${line}`);
    this.#lines.push(line);
    for (const look of [...this.#waiting]) look();
  }

  /** Adds each line that a program prints. */
  follow(output: Readable): void {
    createInterface({ input: output }).on('line', (line) => this.add(line));
  }

  /** Waits for a line that matches, unless there is one. */
  matches(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      const look = () => {
        for (const line of this.#lines) {
          const match = pattern.exec(line);
          if (match === null) continue;
          this.#waiting.delete(look);
          resolve(match);
          return;
        }
      };
      this.#waiting.add(look);
      look();
    });
  }
}
