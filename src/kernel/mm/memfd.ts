import { ALL_SEALS } from '../../uapi/fcntl.js';
import { KernelError } from '../error.js';
import { type File, HostFile } from '../fs/file.js';
import type {
  FileHandler,
  FinishCall,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
} from '../liveupdate/handler.js';
import { pagesFor } from '../units.js';
import type { MemfdFormat, MemfdRecord } from './memfd-format.js';
import { IncomingMemfd } from './memfd-incoming.js';
import { PreservedMemfd } from './memfd-preserved.js';
import type { MemoryManagement } from './memory-management.js';

/**
 * Preserves memfds, and any file of a tmpfs that has no name (patch 17 of the v5 series; measured on Linux 7.3). The
 * memory stays where it is: what is handed over is which parts of the file have pages, as folios of its region.
 *
 * A hole stays a hole. Linux fills it when it preserves the file.
 */
export class MemfdHandler implements FileHandler<PreservedMemfd> {
  readonly #mm: MemoryManagement;
  readonly #format: MemfdFormat;
  readonly #writes: boolean;
  /** What was read of the handover and could not be made a file yet, by its handle. */
  readonly #incoming = new Map<bigint, IncomingMemfd>();

  /** @param writes whether files are preserved in this format, too, and not only retrieved */
  constructor(mm: MemoryManagement, format: MemfdFormat, writes: boolean) {
    this.#mm = mm;
    this.#format = format;
    this.#writes = writes;
  }

  get compatible(): string {
    return this.#format.compatible;
  }

  canPreserve(file: File): boolean {
    if (!this.#writes || !(file instanceof HostFile)) return false;
    const { kind, links } = this.#mm.hardware.status(file.descriptor);
    return kind === 'shmem' && links === 0;
  }

  identity(file: File): string {
    return `inode ${this.#mm.hardware.status(hostFile(file).descriptor).inode}`;
  }

  /**
   * @throws KernelError EFBIG for more than 2^32-1 pages and EOPNOTSUPP for a seal that is not known (both read in
   * Linux 7.3, not in v5), ENOMEM
   */
  preserve({ file }: PreserveCall): Preserved<PreservedMemfd> {
    const memfd = hostFile(file);
    const status = this.#mm.hardware.status(memfd.descriptor);
    this.#check(memfd, status.size);
    const preserved = PreservedMemfd.preserve(this.#mm, this.#format, memfd, status);
    return { serializedData: preserved.data, privateData: preserved, size: status.size };
  }

  unpreserve({ privateData }: PreservedCall<PreservedMemfd>): void {
    privateData.unpreserve();
  }

  freeze({ privateData }: PreservedCall<PreservedMemfd>): undefined {
    privateData.freeze();
  }

  /** @throws KernelError EINVAL where what the last kernel left does not hold together, and what the host refuses */
  retrieve({ serializedData }: RetrieveCall): File {
    const memfd = this.#load(serializedData);
    const file = memfd.open();
    this.#incoming.delete(serializedData);
    memfd.release();
    return file;
  }

  incomingFile({ serializedData }: RetrieveCall): File {
    return this.#load(serializedData).file;
  }

  resume({ serializedData }: RetrieveCall): void {
    this.#load(serializedData).release();
    this.#incoming.delete(serializedData);
  }

  finish({ serializedData, retrieved }: FinishCall): void {
    if (retrieved) return;
    try {
      this.#load(serializedData).release();
    } catch (error) {
      // What could not be read let go of itself.
      if (!(error instanceof KernelError)) throw error;
    }
    this.#incoming.delete(serializedData);
  }

  incomingSize(serializedData: bigint): bigint | undefined {
    return this.incomingRecord(serializedData)?.size;
  }

  /** The state of a file that the last kernel preserved, where it can be read. Changes nothing. */
  protected incomingRecord(data: bigint): MemfdRecord | undefined {
    return this.#incoming.get(data)?.record ?? IncomingMemfd.peek(this.#mm, this.#format, data);
  }

  #load(data: bigint): IncomingMemfd {
    const memfd = this.#incoming.get(data) ?? IncomingMemfd.load(this.#mm, this.#format, data);
    this.#incoming.set(data, memfd);
    return memfd;
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
}

function hostFile(file: File): HostFile {
  if (file instanceof HostFile) return file;
  throw new Error(`Cannot handle the ${file.description} as a memfd: canPreserve was not asked`);
}
