import { close } from '../host/descriptors.js';
import { EPOLLIN, Epoll } from '../host/epoll.js';
import { eventLoopDescriptors, turn } from '../host/event-loop.js';
import { Poll } from '../host/poll.js';
import { closeReserve, openReserve, withReserve } from './reserve.js';

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
  readonly #poll = new Poll();
  readonly #handlers = new Map<number, Handler>();
  /** Those of the programs' calls, which wait for each answer. */
  readonly #listeners = new Map<number, Handler>();
  readonly #deadlines = new Set<Deadline>();
  /** Until when Node may have work that does not show; 0 once that is over. */
  #settledAt = performance.now() + SETTLING;
  #lastTurn = 0;
  /** How much of Node's work is under way that nothing tells the end of. */
  #works = 0;

  constructor() {
    this.#poll.add(this.#epoll.fd);
    for (const fd of this.#loop) this.#epoll.add(fd, EPOLLIN, fd);
  }

  /** Calls `handler` in each round in which the descriptor is readable or has hung up. */
  watch(fd: number, handler: Handler): void {
    this.#epoll.add(fd, EPOLLIN, fd);
    this.#handlers.set(fd, handler);
  }

  /** Calls `handler` once the descriptor has hung up, and not before: what can be read there is others' to read. */
  watchHangUp(fd: number, handler: Handler): void {
    this.#epoll.add(fd, 0, fd);
    this.#handlers.set(fd, handler);
  }

  /** As `watch`, for a listener, of which there are few: its programs wait less. */
  watchListener(fd: number, handler: Handler): void {
    this.#poll.add(fd);
    this.#listeners.set(fd, handler);
  }

  /** Call it before the descriptor is closed. */
  unwatch(fd: number): void {
    if (this.#listeners.delete(fd)) this.#poll.remove(fd);
    if (this.#handlers.delete(fd)) this.#epoll.remove(fd);
  }

  /** Calls `action` once, `milliseconds` from now. Node's own timers would not wake a machine that waits. */
  after(milliseconds: number, action: () => void): void {
    this.#deadlines.add({ time: performance.now() + milliseconds, action });
  }

  /** Gives Node turns until its work is done, and after that: neither timers of Node nor promises wake a machine. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#works += 1;
    try {
      return await work;
    } finally {
      this.#works -= 1;
      // Whoever waits for it goes on in a turn, too.
      this.#settledAt = performance.now() + SETTLING;
    }
  }

  /** Lets go of its own descriptors, when nothing is waited for any more. */
  close(): void {
    close(this.#epoll.fd);
  }

  /** Node has got work that does not show: turns for a while. */
  settle(): void {
    this.#settledAt = performance.now() + SETTLING;
  }

  /** Waits for something to happen, and handles it. */
  async round(): Promise<void> {
    const nodeHasWork = this.#wait();
    this.#runDeadlines();
    if (nodeHasWork) this.#settledAt = performance.now() + SETTLING;
    // A turn takes longer than a call of a program: those that come one after the other must not pay for it each.
    if (nodeHasWork || this.#isTurnDue()) await this.#turn();
  }

  /** @returns whether Node's event loop has something to do */
  #wait(): boolean {
    let nodeHasWork = false;
    this.#poll.wait(this.#timeout(), (fd, events) => {
      if (fd === this.#epoll.fd) nodeHasWork = this.#handleOthers();
      else this.#listeners.get(fd)?.(events);
    });
    return nodeHasWork;
  }

  #handleOthers(): boolean {
    let nodeHasWork = false;
    for (const { key, events } of this.#epoll.wait(0)) {
      if (this.#loop.has(key)) nodeHasWork = true;
      else this.#handlers.get(key)?.(events);
    }
    return nodeHasWork;
  }

  /** Whether Node may have work that does not show. */
  get #mayHaveWork(): boolean {
    return this.#settledAt !== 0 || this.#works > 0;
  }

  #isTurnDue(): boolean {
    return this.#mayHaveWork && performance.now() >= this.#lastTurn + SETTLING_STEP;
  }

  async #turn(): Promise<void> {
    openReserve();
    await turn();
    closeReserve();
    this.#lastTurn = performance.now();
    if (this.#lastTurn > this.#settledAt) this.#settledAt = 0;
  }

  #timeout(): number {
    const longest = this.#mayHaveWork ? SETTLING_STEP : -1;
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
      withReserve(deadline.action);
    }
  }
}
