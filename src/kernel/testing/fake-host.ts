import type { KernelError } from '../error.js';
import type { Descriptor, Extent, FileHardware, FileKind, FileStatus } from '../hardware.js';
import { PAGE_SIZE } from '../units.js';

interface FakeInode {
  readonly id: string;
  readonly kind: FileKind;
  readonly links: number;
  readonly pages: Map<number, Uint8Array>;
  size: bigint;
  seals: number;
}

interface FakeDescription {
  readonly inode: FakeInode;
  position: bigint;
}

export interface FakeFileOptions {
  readonly kind?: FileKind;
  readonly links?: number;
  readonly size?: bigint | number;
  readonly seals?: number;
  readonly position?: bigint | number;
}

/** A host in memory, for tests: sparse files, open file descriptions, and descriptors that are counted. */
export class FakeHost implements FileHardware {
  readonly #descriptions = new Map<Descriptor, FakeDescription>();
  readonly #failures = new Map<string, KernelError>();
  #nextInode = 1;
  #nextDescriptor = 100;

  /** The descriptors that nobody closed. */
  get open(): Descriptor[] {
    return [...this.#descriptions.keys()];
  }

  /** A new file: a memfd without content, where nothing else is said. */
  file({ kind = 'shmem', links = 0, size = 0, seals = 0, position = 0 }: FakeFileOptions = {}): Descriptor {
    const inode = { id: `0:${this.#nextInode}`, kind, links, pages: new Map(), size: BigInt(size), seals };
    this.#nextInode += 1;
    return this.#describe({ inode, position: BigInt(position) });
  }

  /** One more descriptor of the same open file. */
  duplicate(descriptor: Descriptor): Descriptor {
    return this.#describe(this.#at(descriptor));
  }

  write(descriptor: Descriptor, position: number, bytes: Uint8Array): void {
    const { inode } = this.#at(descriptor);
    for (const [i, byte] of bytes.entries()) {
      const index = Math.floor((position + i) / PAGE_SIZE);
      const page = inode.pages.get(index) ?? new Uint8Array(PAGE_SIZE);
      page[(position + i) % PAGE_SIZE] = byte;
      inode.pages.set(index, page);
    }
    const end = BigInt(position + bytes.length);
    if (end > inode.size) inode.size = end;
  }

  read(descriptor: Descriptor, position: number, length: number): Uint8Array {
    const { inode } = this.#at(descriptor);
    return Uint8Array.from({ length }, (_, i) => {
      const page = inode.pages.get(Math.floor((position + i) / PAGE_SIZE));
      return page?.[(position + i) % PAGE_SIZE] ?? 0;
    });
  }

  seek(descriptor: Descriptor, position: bigint): void {
    this.#at(descriptor).position = position;
  }

  /** The next call of that name fails. */
  failNext(call: 'reopen', error: KernelError): void {
    this.#failures.set(call, error);
  }

  status(descriptor: Descriptor): FileStatus {
    const { id, kind, links, size } = this.#at(descriptor).inode;
    return { inode: id, kind, links, size };
  }

  position(descriptor: Descriptor): bigint {
    return this.#at(descriptor).position;
  }

  seals(descriptor: Descriptor): number {
    return this.#at(descriptor).inode.seals;
  }

  dataExtents(descriptor: Descriptor, size: number): Extent[] {
    const extents: { start: number; end: number }[] = [];
    const indices = [...this.#at(descriptor).inode.pages.keys()].sort((a, b) => a - b);
    for (const index of indices.filter((one) => one * PAGE_SIZE < size)) {
      const start = index * PAGE_SIZE;
      const last = extents.at(-1);
      if (last?.end === start) last.end += PAGE_SIZE;
      else extents.push({ start, end: start + PAGE_SIZE });
    }
    return extents;
  }

  reopen(descriptor: Descriptor, position: bigint): Descriptor {
    this.#failIfToldTo('reopen');
    return this.#describe({ inode: this.#at(descriptor).inode, position });
  }

  close(descriptor: Descriptor): void {
    this.#at(descriptor);
    this.#descriptions.delete(descriptor);
  }

  #describe(description: FakeDescription): Descriptor {
    // The fake decides what a descriptor is.
    const descriptor = this.#nextDescriptor as Descriptor;
    this.#nextDescriptor += 1;
    this.#descriptions.set(descriptor, description);
    return descriptor;
  }

  #at(descriptor: Descriptor): FakeDescription {
    const description = this.#descriptions.get(descriptor);
    if (description === undefined) throw new Error(`Descriptor ${descriptor} of the fake host is not open`);
    return description;
  }

  #failIfToldTo(call: string): void {
    const error = this.#failures.get(call);
    this.#failures.delete(call);
    if (error !== undefined) throw error;
  }
}
