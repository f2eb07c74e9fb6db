import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { HugePagePool } from '../hardware.js';
import type { PreserveCall, Preserved, RetrieveCall } from '../liveupdate/handler.js';
import type { KernelModule } from '../module.js';
import { orderOf, PAGE_SIZE } from '../units.js';
import { hugetlbMemfdV1 } from './hugetlb-format.js';
import { HugetlbFlb, poolOf } from './hugetlb-pools.js';
import { MemfdHandler } from './memfd.js';
import type { PreservedMemfd } from './memfd-preserved.js';
import type { MemoryManagement } from './memory-management.js';
import { MAX_REGION_ORDER } from './region.js';

/** The huge page pools, as a handler asks for them. */
interface Pools {
  /** What the next kernel will know of them. */
  outgoing(): readonly HugePagePool[];
  /** What the last kernel knew of them. @throws KernelError as `ModuleKernel.flbIncoming` */
  incoming(): readonly HugePagePool[];
}

/** What a kernel loads that preserves memfds of huge pages (`luo run --preserve hugetlb`): a handler, and its FLB. */
export function hugetlbModule(mm: MemoryManagement): KernelModule {
  return {
    name: 'hugetlb',
    init(kernel) {
      const flb = kernel.initFlb(new HugetlbFlb(mm.kho, mm.hardware));
      const handler = new HugetlbHandler(mm, {
        outgoing: () => kernel.flbOutgoing(flb, ({ object }) => object.pools),
        incoming: () => kernel.flbIncoming(flb, ({ object }) => object.pools),
      });
      kernel.registerFileHandler(handler);
      kernel.registerFlb(handler, flb);
    },
  };
}

/**
 * Preserves memfds of huge pages (`MFD_HUGETLB`), and any file of a hugetlbfs that has no name. Linux refuses them: the
 * series names them as what FLBs are for (patch 10 of the v5 series). The memory stays where it is, as folios of the
 * huge pages' order.
 *
 * Such a file does not tell its holes: every page of it counts as there, and none is taken from the pool for that.
 */
class HugetlbHandler extends MemfdHandler {
  readonly #mm: MemoryManagement;
  readonly #pools: Pools;

  constructor(mm: MemoryManagement, pools: Pools) {
    // The inode itself always comes back: no Linux says otherwise, and a copy would take as many pages of the pool again.
    super({ ...mm, strict: false }, hugetlbMemfdV1, true);
    this.#mm = mm;
    this.#pools = pools;
  }

  override canPreserve(file: File): boolean {
    if (!(file instanceof HostFile)) return false;
    const { kind, links } = this.#mm.hardware.status(file.descriptor);
    return kind === 'hugetlb' && links === 0;
  }

  /**
   * @throws KernelError ENODEV where the host shows no pool of that page size, EOPNOTSUPP for pages of more than 1 GiB,
   * and as `MemfdHandler.preserve`
   */
  override preserve(call: PreserveCall): Preserved<PreservedMemfd> {
    if (call.file instanceof HostFile) {
      const pageSize = this.#mm.hardware.hugePageSize(call.file.descriptor);
      if (orderOf(pageSize) > MAX_REGION_ORDER) {
        throw new KernelError('EOPNOTSUPP', `Cannot preserve a file of ${pageSize} byte pages: 1 GiB is the largest`);
      }
      if (poolOf(this.#pools.outgoing(), pageSize) === undefined) throw noPool('preserve', pageSize);
    }
    return super.preserve(call);
  }

  /**
   * @throws KernelError ENODEV where the host has no pool of that page size any more, EINVAL where the last kernel had
   * none, and as `MemfdHandler.retrieve`
   */
  override retrieve(call: RetrieveCall): File {
    const order = this.incomingRecord(call.serializedData)?.order;
    if (order !== undefined) this.#checkPools(PAGE_SIZE * 2 ** order);
    return super.retrieve(call);
  }

  #checkPools(pageSize: number): void {
    if (poolOf(this.#pools.incoming(), pageSize) === undefined) {
      throw new KernelError('EINVAL', `Cannot retrieve a file of ${pageSize} byte pages: the last kernel had no pool`);
    }
    if (poolOf(this.#mm.hardware.hugePagePools(), pageSize) === undefined) throw noPool('retrieve', pageSize);
  }
}

/** Linux gives ENODEV, too, for a memfd of a page size that it has no pool of. */
function noPool(action: string, pageSize: number): KernelError {
  const kilobytes = pageSize / 1024;
  return new KernelError(
    'ENODEV',
    `Cannot ${action} a file of huge pages: the host shows no pool of ${kilobytes} KiB pages; ` +
      `see that there is /sys/kernel/mm/hugepages/hugepages-${kilobytes}kB where luo runs`,
  );
}
