/**
 * The state of the huge page pools, which every file of huge pages depends on: the FLB `hugetlb-v1`, luo's own. One
 * page, little-endian:
 *
 *     u32 number of pools; u32 reserved = 0; for each, the smallest pages first:
 *     u64 page size in bytes; u64 total; u64 free; u64 reserved; u64 surplus
 */
import { KernelError } from '../error.js';
import type { FileHardware, HugePagePool } from '../hardware.js';
import type { Folio } from '../kho/folio.js';
import type { Kho } from '../kho/kho.js';
import type { FlbOperations, PreservedObject } from '../liveupdate/flb.js';
import { restorePreserved } from '../liveupdate/restore.js';
import { PAGE_SIZE } from '../units.js';
import { preservePage } from './preserved-page.js';
import { Undo } from './undo.js';

const COUNT = 0;
const RESERVED = 4;
const POOLS = 8;
/** The fields of a pool, each a u64, in the order in which they are written. */
const FIELDS = ['pageSize', 'total', 'free', 'reserved', 'surplus'] as const;
const POOL_SIZE = FIELDS.length * 8;
/** Far more than there are: Linux has a pool for each size of page that the processor knows, 2 to 5. */
const MOST_POOLS = Math.floor((PAGE_SIZE - POOLS) / POOL_SIZE);

/** The pools as they were when the first file was preserved. */
export interface PoolState {
  readonly pools: readonly HugePagePool[];
  /** Lets go of the page that they are written in. */
  release(): void;
}

export class HugetlbFlb implements FlbOperations<PoolState> {
  readonly compatible = 'hugetlb-v1';
  readonly #kho: Kho;
  readonly #hardware: FileHardware;

  constructor(kho: Kho, hardware: FileHardware) {
    this.#kho = kho;
    this.#hardware = hardware;
  }

  /** @throws KernelError ENOMEM */
  preserve(): PreservedObject<PoolState> {
    const pools = this.#hardware.hugePagePools();
    const undo = new Undo();
    try {
      const page = preservePage(this.#kho, undo);
      writePools(page, pools);
      return { data: BigInt(page.address), object: { pools, release: () => undo.run() } };
    } catch (error) {
      undo.run();
      throw error;
    }
  }

  unpreserve({ object }: PreservedObject<PoolState>): void {
    object.release();
  }

  /** @throws KernelError EINVAL where what the last kernel left does not hold together; it is let go of then */
  retrieve({ data }: { readonly data: bigint }): PoolState {
    const page = restorePreserved(this.#kho, data, 'the state of the huge page pools');
    try {
      return { pools: readPools(page), release: () => page.put() };
    } catch (error) {
      page.put();
      throw error;
    }
  }

  finish({ object }: { readonly object: PoolState }): void {
    object.release();
  }
}

/** The pool of a page size. */
export function poolOf(pools: readonly HugePagePool[], pageSize: number): HugePagePool | undefined {
  return pools.find((pool) => pool.pageSize === pageSize);
}

function writePools({ view }: Folio, pools: readonly HugePagePool[]): void {
  view.setUint32(COUNT, pools.length, true);
  for (const [index, pool] of pools.entries()) {
    for (const [field, name] of FIELDS.entries()) {
      view.setBigUint64(POOLS + index * POOL_SIZE + field * 8, BigInt(pool[name]), true);
    }
  }
}

function readPools({ view }: Folio): HugePagePool[] {
  const count = view.getUint32(COUNT, true);
  const reserved = view.getUint32(RESERVED, true);
  if (count > MOST_POOLS || reserved !== 0) {
    throw corrupt(`it begins with ${count} pools and the reserved word ${reserved}`);
  }
  return Array.from({ length: count }, (_, index) => readPool(view, POOLS + index * POOL_SIZE));
}

function readPool(view: DataView, offset: number): HugePagePool {
  const field = (name: (typeof FIELDS)[number]) => {
    const value = Number(view.getBigUint64(offset + FIELDS.indexOf(name) * 8, true));
    if (!Number.isSafeInteger(value)) throw corrupt(`${value} is too large to be the ${name} of a pool`);
    return value;
  };
  const pageSize = field('pageSize');
  if (pageSize <= PAGE_SIZE || 2 ** Math.round(Math.log2(pageSize)) !== pageSize) {
    throw corrupt(`${pageSize} bytes are no huge page`);
  }
  return {
    pageSize,
    total: field('total'),
    free: field('free'),
    reserved: field('reserved'),
    surplus: field('surplus'),
  };
}

function corrupt(detail: string): KernelError {
  return new KernelError('EINVAL', `Cannot read the state of the huge page pools: ${detail}`);
}
