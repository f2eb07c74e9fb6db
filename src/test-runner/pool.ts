import { becomeSubreaper } from '../host/processes.js';
import { descendants, endProcesses } from '../machine/process-tree.js';
import type { Job } from './plan.js';
import type { Recording } from './recording.js';
import { Worker } from './worker.js';

/** Workers for as many runs at a time as are wanted. What one that was killed has left is ended here. */
export class Pool implements AsyncDisposable {
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  /** A program that became luo may have had children. They are none of the test's. */
  readonly #others = descendants(process.pid);
  #isInterrupted = false;

  constructor() {
    becomeSubreaper();
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Runs a job, on a worker that is idle or on a new one. */
  async run(job: Job): Promise<Recording> {
    const worker = this.#idle.pop() ?? this.#start();
    const recording = await worker.run(job);
    if (worker.isFit) this.#idle.push(worker);
    else worker.end();
    return recording;
  }

  /**
   * Runs a job for each item, at most `most` at a time; none that has not begun once the person has enough.
   *
   * @param run gives what the caller wants to know
   */
  async each<Item>(items: readonly Item[], most: number, run: (item: Item) => Promise<void>): Promise<void> {
    const waiting = [...items];
    const serve = async () => {
      for (let item = waiting.shift(); item !== undefined && !this.#isInterrupted; item = waiting.shift())
        await run(item);
    };
    await Promise.all(Array.from({ length: Math.min(most, items.length) }, serve));
  }

  /** Ends what runs. */
  interrupt(): void {
    this.#isInterrupted = true;
    for (const worker of this.#workers) worker.interrupt();
  }

  /** Ends all workers. No process is left when this is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) worker.end();
    await Promise.all([...this.#workers].map(({ closed }) => closed));
    this.#endOrphans();
  }

  #start(): Worker {
    const worker = new Worker(() => this.#endOrphans());
    this.#workers.add(worker);
    worker.closed.then(() => this.#workers.delete(worker));
    return worker;
  }

  /** Programs whose worker is gone have become our children. Workers whose end Node has not told yet are Node's. */
  #endOrphans(): void {
    const workers = [...this.#workers].filter(({ hasExited }) => !hasExited).map(({ pid }) => pid);
    endProcesses(new Set([...this.#others, ...workers]));
  }
}
