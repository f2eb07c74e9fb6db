import { Memfd } from '../memfd.js';

/** More processes than any cluster has. */
const COUNT = 4096;

/**
 * Which processes have connections of a service: each has a slot, and leaves its connections in the session of that
 * number. This memory tells the next generation in which there may be any.
 */
export class Slots {
  readonly memfd: Memfd;
  readonly #used: Uint8Array;

  constructor() {
    this.memfd = Memfd.create('luo-slots', { size: COUNT });
    this.#used = this.memfd.map();
  }

  /** Takes the first that is free. */
  take(): number {
    const slot = this.#used.indexOf(0);
    if (slot < 0) throw new Error(`Cannot serve more than ${COUNT} processes by one socket: end some`);
    this.#used[slot] = 1;
    return slot;
  }

  /** Nobody has it any more. */
  free(slot: number): void {
    this.#used[slot] = 0;
  }

  /** Those that the last generation used. */
  static read(fd: number): number[] {
    using memfd = Memfd.fromDescriptor(fd);
    return [...memfd.map()].flatMap((used, slot) => (used === 0 ? [] : slot));
  }
}
