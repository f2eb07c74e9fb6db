import { Memfd } from './memfd.js';
import type { IndexEntry } from './state-index.js';

/** A buffer of a state: a memfd, and its memory as an array once somebody asks for it. */
export class StateBuffer {
  /** In the session that preserves it; 0 where none does. */
  token = 0;
  #array: Uint8Array | undefined;

  constructor(
    readonly memfd: Memfd,
    readonly bytes: number,
  ) {}

  static create(bytes: number): StateBuffer {
    return new StateBuffer(Memfd.create('luo-state', { size: bytes }), bytes);
  }

  get array(): Uint8Array {
    this.#array ??= this.memfd.map({ length: this.bytes });
    return this.#array;
  }
}

/** What an index says of buffers. */
export function entriesOf(buffers: ReadonlyMap<string, StateBuffer>): IndexEntry[] {
  return [...buffers].map(([key, { token, bytes }]) => ({ key, token, bytes }));
}
