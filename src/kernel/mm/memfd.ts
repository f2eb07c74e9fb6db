import { ALL_SEALS } from '../../uapi/fcntl.js';
import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type { FileHandler, IncomingFile, PreservedFile } from '../liveupdate/handler.js';
import { pagesFor } from '../units.js';
import { MEMFD_COMPATIBLE } from './memfd-abi.js';
import { IncomingMemfd } from './memfd-incoming.js';
import { PreservedMemfd } from './memfd-preserved.js';
import type { MemoryManagement } from './memory-management.js';

/**
 * Preserves memfds, and any file of a tmpfs that has no name (patch 17 of the v5 series; measured on Linux 7.3). The
 * memory stays where it is: what is handed over is which parts of the file have pages, as folios of its region.
 *
 * A hole stays a hole. Linux fills it when it preserves the file.
 */
export class MemfdHandler implements FileHandler {
  readonly compatible = MEMFD_COMPATIBLE;
  readonly #mm: MemoryManagement;

  constructor(mm: MemoryManagement) {
    this.#mm = mm;
  }

  canPreserve(file: File): boolean {
    if (!(file instanceof HostFile)) return false;
    const { kind, links } = this.#mm.hardware.status(file.descriptor);
    return kind === 'shmem' && links === 0;
  }

  identity(file: File): string {
    return `inode ${this.#mm.hardware.status(this.#memfd(file).descriptor).inode}`;
  }

  /**
   * @throws KernelError EFBIG for more than 2^32-1 pages and EOPNOTSUPP for a seal that is not known (both read in
   * Linux 7.3, not in v5), ENOMEM
   */
  preserve(file: File): PreservedFile {
    const memfd = this.#memfd(file);
    const status = this.#mm.hardware.status(memfd.descriptor);
    this.#check(memfd, status.size);
    return PreservedMemfd.preserve(this.#mm, memfd, status);
  }

  incoming(data: bigint): IncomingFile {
    return new IncomingMemfd(this.#mm, data);
  }

  #check(file: HostFile, size: bigint): void {
    const { maximumPages, refusesUnknownSeals } = this.#mm.rules;
    if (pagesFor(Number(size)) > maximumPages) {
      throw new KernelError('EFBIG', `Cannot preserve ${size} bytes: a memfd can have ${maximumPages} pages at most`);
    }
    if (!refusesUnknownSeals) return;
    const unknown = this.#mm.hardware.seals(file.descriptor) & ~ALL_SEALS;
    if (unknown === 0) return;
    throw new KernelError('EOPNOTSUPP', `Cannot preserve a memfd with the seals 0x${unknown.toString(16)}: not known`);
  }

  #memfd(file: File): HostFile {
    if (file instanceof HostFile) return file;
    throw new Error(`Cannot handle the ${file.description} as a memfd: canPreserve was not asked`);
  }
}
