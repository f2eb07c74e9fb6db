import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What the programs and luo say, a line at a time. */
export class Lines {
  readonly #seen: string[] = [];
  readonly #waiting = new Set<() => void>();
  #over = false;
  readonly #tell: (line: string) => void;

  /** @param tell called with each line as it comes */
  constructor(machine: ChildProcess, tell: (line: string) => void) {
    this.#tell = tell;
    for (const stream of [machine.stdout, machine.stderr]) {
      if (stream !== null) createInterface(stream).on('line', (line) => this.#add(line));
    }
    machine.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /**
   * Waits for a line.
   *
   * @returns whether it came before the machine ended
   */
  async find(pattern: RegExp): Promise<boolean> {
    while (!this.#seen.some((line) => pattern.test(line))) {
      if (this.#over) return false;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    return true;
  }

  #add(line: string): void {
    this.#tell(line);
    this.#seen.push(line);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
