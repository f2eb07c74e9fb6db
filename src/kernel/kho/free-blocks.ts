const WORD_BITS = 32;

/** The free blocks of one order, a bit each: small to make, and the lowest one is found without a search of all. */
export class FreeBlocks {
  readonly #words: Uint32Array;
  /** No word below this one has a bit. */
  #lowest = 0;
  #size = 0;

  /** None of the blocks 0 up to `blocks` is free at first. */
  constructor(blocks: number) {
    this.#words = new Uint32Array(Math.ceil(blocks / WORD_BITS));
  }

  /** How many blocks are free. */
  get size(): number {
    return this.#size;
  }

  /** Whether the block is free. */
  has(block: number): boolean {
    return (this.#word(block) & maskOf(block)) !== 0;
  }

  /** Makes a block free; one that is free stays so. */
  add(block: number): void {
    if (this.has(block)) return;
    const word = Math.floor(block / WORD_BITS);
    this.#words[word] = this.#word(block) | maskOf(block);
    this.#lowest = Math.min(this.#lowest, word);
    this.#size += 1;
  }

  /** @returns whether the block was free */
  delete(block: number): boolean {
    if (!this.has(block)) return false;
    this.#words[Math.floor(block / WORD_BITS)] = this.#word(block) & ~maskOf(block);
    this.#size -= 1;
    return true;
  }

  /** Takes the free block with the lowest address. */
  takeLowest(): number | undefined {
    if (this.#size === 0) return undefined;
    while (this.#words[this.#lowest] === 0) this.#lowest += 1;
    const word = this.#words[this.#lowest] ?? 0;
    // word & -word keeps the lowest bit that is set.
    const bit = WORD_BITS - 1 - Math.clz32(word & -word);
    const block = this.#lowest * WORD_BITS + bit;
    this.delete(block);
    return block;
  }

  /** 32 blocks at once. Past the end nothing is free: a buddy may lie there. */
  #word(block: number): number {
    return this.#words[Math.floor(block / WORD_BITS)] ?? 0;
  }
}

function maskOf(block: number): number {
  return 1 << (block % WORD_BITS);
}
