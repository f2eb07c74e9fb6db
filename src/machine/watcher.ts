import { EPOLLIN, Epoll } from '../host/epoll.js';
import { eventLoopDescriptors, turn } from './event-loop.js';

type Handler = (events: number) => void;

interface Deadline {
  readonly time: number;
  readonly action: () => void;
}

/**
 * How long Node is given turns after it had work, and how long the machine waits between them, in milliseconds. libuv
 * waits for a new socket only from the turn after the one that made it, and nothing tells whether one was made.
 */
const SETTLING = 100;
const SETTLING_STEP = 5;

/** The one place where a machine waits: for descriptors, for deadlines, and for Node's event loop. */
export class Watcher {
  // Looked up before the first epoll descriptor of our own is made.
  readonly #loop = new Set(eventLoopDescriptors());
  readonly #epoll = new Epoll();
  readonly #handlers = new Map<number, Handler>();
  readonly #deadlines = new Set<Deadline>();
  #settledAt = performance.now() + SETTLING;

  constructor() {
    for (const fd of this.#loop) this.#epoll.add(fd, EPOLLIN, fd);
  }

  /** Calls `handler` in each round in which the descriptor is readable or has hung up. */
  watch(fd: number, handler: Handler): void {
    this.#epoll.add(fd, EPOLLIN, fd);
    this.#handlers.set(fd, handler);
  }

  /** Call it before the descriptor is closed. */
  unwatch(fd: number): void {
    if (this.#handlers.delete(fd)) this.#epoll.remove(fd);
  }

  /** Calls `action` once, `milliseconds` from now. Node's own timers would not wake a machine that waits. */
  after(milliseconds: number, action: () => void): void {
    this.#deadlines.add({ time: performance.now() + milliseconds, action });
  }

  /** Waits for something to happen, and handles it. */
  async round(): Promise<void> {
    const settling = this.#settledAt !== 0;
    for (const { key, events } of this.#epoll.wait(this.#timeout())) {
      if (this.#loop.has(key)) this.#settledAt = performance.now() + SETTLING;
      else this.#handlers.get(key)?.(events);
    }
    this.#runDeadlines();
    if (!settling && this.#settledAt === 0) return;
    await turn();
    if (performance.now() > this.#settledAt) this.#settledAt = 0;
  }

  #timeout(): number {
    const longest = this.#settledAt === 0 ? -1 : SETTLING_STEP;
    if (this.#deadlines.size === 0) return longest;
    const next = Math.min(...[...this.#deadlines].map(({ time }) => time));
    const left = Math.max(0, Math.ceil(next - performance.now()));
    return longest < 0 ? left : Math.min(left, longest);
  }

  #runDeadlines(): void {
    if (this.#deadlines.size === 0) return;
    const now = performance.now();
    for (const deadline of [...this.#deadlines]) {
      if (deadline.time > now) continue;
      this.#deadlines.delete(deadline);
      deadline.action();
    }
  }
}
