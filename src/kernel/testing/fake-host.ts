import { F_SEAL_EXEC } from '../../uapi/fcntl.js';
import type { KernelError } from '../error.js';
import type {
  CopyOptions,
  Descriptor,
  Extent,
  FileHardware,
  FileKind,
  FileStatus,
  FileType,
  HugePagePool,
} from '../hardware.js';
import { WRITE_SEALS } from '../mm/restored-seals.js';
import { PAGE_SIZE } from '../units.js';

interface FakeInode {
  readonly id: string;
  readonly kind: FileKind;
  readonly type: FileType;
  readonly link: string;
  readonly links: number;
  readonly pages: Map<number, Uint8Array>;
  readonly hugePageSize: number;
  size: bigint;
  seals: number;
  permissions: number;
}

interface FakeDescription {
  readonly inode: FakeInode;
  position: bigint;
}

export interface FakeFileOptions {
  readonly kind?: FileKind;
  /** A regular file where it is of a kind that holds memory. */
  readonly type?: FileType;
  readonly link?: string;
  readonly links?: number;
  readonly size?: bigint | number;
  readonly seals?: number;
  readonly permissions?: number;
  readonly position?: bigint | number;
  /** Of a file of kind `hugetlb`. */
  readonly hugePageSize?: number;
}

/** A host in memory, for tests: sparse files, open file descriptions, and descriptors that are counted. */
export class FakeHost implements FileHardware {
  readonly #descriptions = new Map<Descriptor, FakeDescription>();
  readonly #failures = new Map<string, KernelError>();
  /** The pools of huge pages. */
  pools: HugePagePool[] = [];
  #nextInode = 1;
  #nextDescriptor = 100;

  /** The descriptors that nobody closed. */
  get open(): Descriptor[] {
    return [...this.#descriptions.keys()];
  }

  /** A new file: a memfd without content, where nothing else is said. */
  file(options: FakeFileOptions = {}): Descriptor {
    const {
      kind = 'shmem',
      type = kind === 'other' ? 'other' : 'regular',
      link = '/memfd: (deleted)',
      links = 0,
      size = 0,
      seals = 0,
      permissions = 0o777,
      position = 0,
      hugePageSize = 2 ** 21,
    } = options;
    const id = `0:${this.#nextInode}`;
    this.#nextInode += 1;
    const inode = {
      id,
      kind,
      type,
      link,
      links,
      pages: new Map(),
      size: BigInt(size),
      seals,
      permissions,
      hugePageSize,
    };
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
  failNext(call: 'reopen' | 'copy', error: KernelError): void {
    this.#failures.set(call, error);
  }

  status(descriptor: Descriptor): FileStatus {
    const { id, kind, type, link, links, size, permissions } = this.#at(descriptor).inode;
    return { inode: id, kind, type, link, links, size, permissions };
  }

  isSameFile(one: Descriptor, other: Descriptor): boolean {
    return this.#at(one) === this.#at(other);
  }

  position(descriptor: Descriptor): bigint {
    return this.#at(descriptor).position;
  }

  seals(descriptor: Descriptor): number {
    return this.#at(descriptor).inode.seals;
  }

  dataExtents(descriptor: Descriptor, size: number): Extent[] {
    // As on the host, where such a file does not tell its holes.
    if (this.#at(descriptor).inode.kind === 'hugetlb') return size === 0 ? [] : [{ start: 0, end: size }];
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
    const { inode } = this.#at(descriptor);
    // As on the host, the seal keeps the execute bits as they are, and with them the mode.
    if ((inode.seals & F_SEAL_EXEC) === 0) inode.permissions = 0o777;
    return this.#describe({ inode, position });
  }

  copy(descriptor: Descriptor, { size, position, seals }: CopyOptions): Descriptor {
    this.#failIfToldTo('copy');
    const implied = (seals & F_SEAL_EXEC) === 0 ? 0 : WRITE_SEALS;
    const copy = this.file({ size, position, seals: seals | implied });
    const { pages } = this.#at(copy).inode;
    for (const [index, page] of this.#at(descriptor).inode.pages) {
      if (BigInt(index * PAGE_SIZE) < size) pages.set(index, page.slice());
    }
    return copy;
  }

  hugePageSize(descriptor: Descriptor): number {
    return this.#at(descriptor).inode.hugePageSize;
  }

  hugePagePools(): HugePagePool[] {
    return this.pools;
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
