/** The steps back of something that is done in several steps and may fail between them. */
export class Undo {
  readonly #steps: (() => void)[] = [];

  add(step: () => void): void {
    this.#steps.push(step);
  }

  /** Takes all steps back, the last one first. */
  run(): void {
    while (this.#steps.length > 0) this.#steps.pop()?.();
  }
}
