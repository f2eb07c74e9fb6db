/**
 * Records in a chain of blocks, a page each (`struct kho_block_set`, measured on Linux 7.3). Numbers are little-endian.
 *
 *     block: u64 next block, 0 in the last one; u64 count, not 0; then `count` records, packed
 *
 * All blocks but the last one are full where this kernel wrote them. One that is read may hold fewer.
 */
import { KernelError } from '../../error.js';
import type { Folio } from '../../kho/folio.js';
import type { Kho } from '../../kho/kho.js';
import { allocatePreserved, freePreserved } from '../../kho/preserved-folio.js';
import { PAGE_SIZE } from '../../units.js';
import { restorePreserved } from '../restore.js';

/** The most blocks of a chain (read in Linux 7.3). */
export const MAX_BLOCKS = 10_000;

const NEXT = 0;
const COUNT = 8;
const HEADER_SIZE = 16;

/** How many records of a size a block has room for. */
export function recordsPerBlock(recordSize: number): number {
  return Math.floor((PAGE_SIZE - HEADER_SIZE) / recordSize);
}

/** A chain for the next kernel. Its blocks are preserved from when they are there. */
export class BlockChain {
  readonly #kho: Kho;
  readonly #recordSize: number;
  readonly #perBlock: number;
  readonly #blocks: Folio[] = [];

  constructor(kho: Kho, recordSize: number) {
    this.#kho = kho;
    this.#recordSize = recordSize;
    this.#perBlock = recordsPerBlock(recordSize);
  }

  /** The address of the first block; 0 where there is none. */
  get head(): bigint {
    return BigInt(this.#blocks[0]?.address ?? 0);
  }

  get pages(): number {
    return this.#blocks.length;
  }

  /**
   * Makes room for `count` records. Nothing that is there moves.
   *
   * @returns whether there is room; false where a chain cannot be that long
   * @throws KernelError ENOMEM; the chain is as before then
   */
  reserve(count: number): boolean {
    const blocks = Math.ceil(count / this.#perBlock);
    if (blocks > MAX_BLOCKS) return false;
    const before = this.#blocks.length;
    try {
      while (this.#blocks.length < blocks) this.#blocks.push(allocatePreserved(this.#kho, 0));
    } catch (error) {
      this.#shrink(before);
      throw error;
    }
    return true;
  }

  /**
   * Writes as many records as there are. Gives up the blocks that are not needed: the next kernel takes a block without
   * records for a corrupt one.
   *
   * @param records no more than there is room for
   */
  write<Record>(records: readonly Record[], write: (view: DataView, offset: number, record: Record) => void): void {
    if (records.length > this.#blocks.length * this.#perBlock) {
      throw new Error(`Cannot write ${records.length} records: there are ${this.#blocks.length} blocks for them`);
    }
    this.#shrink(Math.ceil(records.length / this.#perBlock));
    for (const [i, { bytes, view }] of this.#blocks.entries()) {
      const inBlock = records.slice(i * this.#perBlock, (i + 1) * this.#perBlock);
      bytes.fill(0);
      view.setBigUint64(NEXT, BigInt(this.#blocks[i + 1]?.address ?? 0), true);
      view.setBigUint64(COUNT, BigInt(inBlock.length), true);
      for (const [j, record] of inBlock.entries()) write(view, HEADER_SIZE + j * this.#recordSize, record);
    }
  }

  free(): void {
    this.#shrink(0);
  }

  #shrink(blocks: number): void {
    for (const block of this.#blocks.splice(blocks).reverse()) freePreserved(this.#kho, block);
  }
}

/**
 * Reads the records of a chain that the last kernel left, and frees each block that it comes to, the bad one too.
 *
 * @param head the address of the first block; 0 for a chain without records
 * @param what what is read, for messages
 * @throws KernelError EINVAL where the chain is corrupt; the blocks that were not reached stay preserved
 */
export function readBlockChain<Record>(
  kho: Kho,
  head: bigint,
  recordSize: number,
  what: string,
  read: (view: DataView, offset: number) => Record,
): Record[] {
  const records: Record[] = [];
  const seen = new Set<bigint>();
  for (let address = head; address !== 0n; ) {
    if (seen.has(address)) throw corrupt(what, `the chain comes back to its block at 0x${address.toString(16)}`);
    if (seen.size === MAX_BLOCKS) throw corrupt(what, `the chain has more than ${MAX_BLOCKS} blocks`);
    seen.add(address);
    const block = restorePreserved(kho, address, what);
    try {
      const count = countIn(block, recordSize, what);
      for (let i = 0; i < count; i += 1) records.push(read(block.view, HEADER_SIZE + i * recordSize));
      address = block.view.getBigUint64(NEXT, true);
    } finally {
      block.put();
    }
  }
  return records;
}

function countIn({ order, address, view }: Folio, recordSize: number, what: string): number {
  if (order !== 0) throw corrupt(what, `the block at 0x${address.toString(16)} has ${2 ** order} pages and not one`);
  const count = view.getBigUint64(COUNT, true);
  const most = recordsPerBlock(recordSize);
  if (count >= 1n && count <= BigInt(most)) return Number(count);
  throw corrupt(what, `the block at 0x${address.toString(16)} says that it has ${count} records, but 1 to ${most} fit`);
}

function corrupt(what: string, why: string): KernelError {
  return new KernelError('EINVAL', `Cannot read ${what}: ${why}`);
}
