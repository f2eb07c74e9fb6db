import type { Descriptor, FileHardware } from '../hardware.js';

/** An open file of the host, as far as it is told apart from others. */
interface Distinct {
  readonly descriptor: Descriptor;
  readonly inode: string;
}

/**
 * The open files of the host that a kernel has, by inode: so that an open file is one file, as `struct file` is in
 * Linux, however many descriptors programs have of it.
 */
export class OpenHostFiles<HostFile extends Distinct> {
  readonly #byInode = new Map<string, Set<HostFile>>();
  /** Those whose inode nobody has asked for: most are never compared with another one. */
  readonly #unsorted = new Set<HostFile>();

  add(file: HostFile): void {
    this.#unsorted.add(file);
  }

  remove(file: HostFile): void {
    if (this.#unsorted.delete(file)) return;
    const sameInode = this.#byInode.get(file.inode);
    sameInode?.delete(file);
    if (sameInode?.size === 0) this.#byInode.delete(file.inode);
  }

  /** The open file behind a descriptor, where the kernel has it. The reference stays with whoever holds it. */
  find(descriptor: Descriptor, hardware: FileHardware): HostFile | undefined {
    if (this.#unsorted.size === 0 && this.#byInode.size === 0) return undefined;
    this.#sort();
    for (const file of this.#byInode.get(hardware.status(descriptor).inode) ?? []) {
      if (hardware.isSameFile(file.descriptor, descriptor)) return file;
    }
    return undefined;
  }

  #sort(): void {
    for (const file of this.#unsorted) {
      const sameInode = this.#byInode.get(file.inode) ?? new Set();
      this.#byInode.set(file.inode, sameInode.add(file));
    }
    this.#unsorted.clear();
  }
}
