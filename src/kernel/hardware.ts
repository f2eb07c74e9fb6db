/**
 * What a kernel runs on. The kernel is synchronous and knows no clock, no randomness and no system call: all that it
 * learns of the world comes through these interfaces.
 */
import type { Onlookers } from './step.js';
import type { SerialPort } from './tty/serial-hardware.js';
import type { PageFrameNumber, PhysicalAddress } from './units.js';

declare const unit: unique symbol;

/** An open file of the host. Only the hardware knows what the number means. */
export type Descriptor = number & { readonly [unit]: 'descriptor' };

/** Where an argument of a system call points: an address in the memory of the program that made it. */
export type UserAddress = bigint & { readonly [unit]: 'user address' };

export interface Hardware extends Onlookers {
  /** RAM. Index 0 is physical address 0; the length is a multiple of the page size. */
  readonly ram: Uint8Array;
  readonly files: FileHardware;
  /** Without it, there are no serial ports. */
  readonly serial?: SerialHardware | undefined;
  /** The kernel's messages, one sentence each. */
  log(level: 'info' | 'warning' | 'error', message: string): void;
}

/** The serial ports of a machine. */
export interface SerialHardware {
  /** Those that a driver of the kernel has. Those of the host have the host's drivers. */
  readonly ports: readonly SerialPort[];
  /** The tty that an open file of a program is, such as `ttyS0`; undefined where it is no serial port. */
  nameOf(descriptor: Descriptor): string | undefined;
}

/** The kind of a file, as far as a handler asks. `shmem` is a memfd or another file of a tmpfs. */
export type FileKind = 'shmem' | 'hugetlb' | 'other';

/** The type of a file (`S_IFMT`), as far as a handler asks. */
export type FileType = 'regular' | 'socket' | 'pipe' | 'other';

/** What the host knows of an open file. */
export interface FileStatus {
  readonly kind: FileKind;
  readonly type: FileType;
  /** The same for two descriptors exactly when they have the same inode. */
  readonly inode: string;
  /** What the file is, as the host names it: `anon_inode:[eventfd]`, `/memfd:name (deleted)`, `socket:[123]`. */
  readonly link: string;
  /** The names that the file has. */
  readonly links: number;
  /** In bytes. A bigint, because a sparse file may be larger than any address space. */
  readonly size: bigint;
  /** The permission bits, such as 0o644. */
  readonly permissions: number;
}

/** What a copy of a file gets. */
export interface CopyOptions {
  /** How many bytes of the file, from its beginning. The copy is as long, whatever the file has become. */
  readonly size: bigint;
  readonly position: bigint;
  /** `F_SEAL_*` bits. `F_SEAL_EXEC` implies every seal against writing, since a copy has execute bits. */
  readonly seals: number;
}

/** Bytes `start` up to but not including `end`; both are multiples of the page size. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The host's pool of huge pages of one size (`/sys/kernel/mm/hugepages`). All counts are of pages of that size. */
export interface HugePagePool {
  /** In bytes: a power of 2 that is larger than a page. */
  readonly pageSize: number;
  /** All that there are, in use or not. */
  readonly total: number;
  /** Those that no file has. */
  readonly free: number;
  /** Those that are free and promised to a mapping. */
  readonly reserved: number;
  /** Those beyond the size of the pool, which overcommit has added and which go when they are freed. */
  readonly surplus: number;
}

/** The open files of the host. A descriptor belongs to whoever got it until it is closed. */
export interface FileHardware {
  status(descriptor: Descriptor): FileStatus;
  /**
   * Whether two descriptors of one inode are of the same open file: of one open file description. Where the host does
   * not tell, they are not, but for sockets, whose inode has one open file alone.
   */
  isSameFile(one: Descriptor, other: Descriptor): boolean;
  /** The file's position in bytes: the position of the open file description, shared with every copy of it. */
  position(descriptor: Descriptor): bigint;
  /** The `F_SEAL_*` bits of the file. */
  seals(descriptor: Descriptor): number;
  /** The parts of the first `size` bytes that have pages, in ascending order. Between them are holes. */
  dataExtents(descriptor: Descriptor, size: number): Extent[];
  /**
   * A new open file description of the same file: read and write, at `position`, with the attributes of a new file
   * (mode 0777, times of now). The memory is the same; nothing is copied.
   */
  reopen(descriptor: Descriptor, position: bigint): Descriptor;
  /**
   * A new file without a name that has the same content: read and write, mode 0777, of the kind that can be sealed.
   * Holes stay holes. The data is there twice until the other file is closed, and the call takes as long as it takes
   * to copy it, about a second a gigabyte.
   *
   * @throws KernelError ENFILE where there is no room for a descriptor, EIO where the data cannot be copied; nothing is
   * kept then
   */
  copy(descriptor: Descriptor, options: CopyOptions): Descriptor;
  /** Bytes of the pages that a file of kind `hugetlb` consists of. */
  hugePageSize(descriptor: Descriptor): number;
  /** The host's pools of huge pages, the smallest pages first. Empty where the host has none, or does not show them. */
  hugePagePools(): HugePagePool[];
  close(descriptor: Descriptor): void;
}

/**
 * Memory of a file as a part of the machine's physical address space: page i of the file is the page frame
 * `start + i`. Regions lie above RAM.
 */
export interface Region {
  readonly start: PageFrameNumber;
  /** The length in pages. */
  readonly pages: number;
  readonly descriptor: Descriptor;
}

/** An open file of the host that passes to the next kernel as it is. */
export interface HandedDescriptor {
  /** The number that the state in RAM knows it by. */
  readonly entry: bigint;
  readonly descriptor: Descriptor;
}

/** All that a kernel gives to the next one, beside the RAM itself. */
export interface Handover {
  /** The address of the KHO root, a flattened devicetree. */
  readonly root: PhysicalAddress;
  readonly regions: readonly Region[];
  readonly descriptors: readonly HandedDescriptor[];
}

/** The memory of the program that makes a call. */
export interface UserMemory {
  /** @throws KernelError EFAULT where not all of it can be read */
  read(address: UserAddress, length: number): Uint8Array;
  /** @throws KernelError EFAULT where not all of it can be written; nothing has been written then, or a part */
  write(address: UserAddress, bytes: Uint8Array): void;
  /** @throws KernelError EFAULT where `write` of as much would fail. Changes no byte. */
  checkWritable(address: UserAddress, length: number): void;
}
