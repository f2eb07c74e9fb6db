import { KernelError } from '../error.js';
import type { HandedDescriptor } from '../hardware.js';
import type { HostFile } from './file.js';

/** An entry of the table that the last kernel handed over. */
export interface HandedFile {
  readonly entry: bigint;
  readonly file: HostFile;
}

/**
 * Open files of the host that pass to the next kernel as they are: the descriptor table of the handover. A handler
 * writes the number of its entry into the state that it hands over.
 */
export class PreservedDescriptors {
  readonly #outgoing = new Map<bigint, HostFile>();
  readonly #incoming = new Map<bigint, HostFile>();
  #next = 1n;

  /** What the next kernel gets. */
  get outgoing(): HandedDescriptor[] {
    return [...this.#outgoing].map(([entry, { descriptor }]) => ({ entry, descriptor }));
  }

  /** How many are held, in both directions. */
  get size(): number {
    return this.#outgoing.size + this.#incoming.size;
  }

  /**
   * Hands an open file over, and holds it.
   *
   * @returns the number of its entry, 1 or more
   */
  preserve(file: HostFile): bigint {
    const entry = this.#next;
    this.#next += 1n;
    this.#outgoing.set(entry, file.get());
    return entry;
  }

  /** @throws Error where there is no such entry: a bug of whoever calls */
  unpreserve(entry: bigint): void {
    const file = this.#outgoing.get(entry);
    if (file === undefined) throw new Error(`Cannot unpreserve descriptor ${entry}: it is not preserved`);
    this.#outgoing.delete(entry);
    file.put();
  }

  /**
   * Takes over an open file that the last kernel handed over. Once only.
   *
   * @returns the file with one reference, which is the caller's
   * @throws KernelError EINVAL where there is no such entry
   */
  restore(entry: bigint): HostFile {
    const file = this.#incoming.get(entry);
    if (file === undefined) {
      throw new KernelError('EINVAL', `Cannot restore descriptor ${entry}: the last kernel left none of that number`);
    }
    this.#incoming.delete(entry);
    return file;
  }

  /** The open file of an entry that is still to be restored. The reference stays the table's. */
  find(entry: bigint): HostFile | undefined {
    return this.#incoming.get(entry);
  }

  /** Takes over what the last kernel handed over. The caller's references of the files pass to the table. */
  adopt(handed: readonly HandedFile[]): void {
    for (const { entry, file } of handed) this.#incoming.set(entry, file);
  }
}
