/**
 * What a kernel runs on. The kernel is synchronous and knows no clock, no randomness and no system call: all that it
 * learns of the world comes through these interfaces.
 */
import type { PageFrameNumber, PhysicalAddress } from './units.js';

declare const unit: unique symbol;

/** An open file of the host. Only the hardware knows what the number means. */
export type Descriptor = number & { readonly [unit]: 'descriptor' };

/** Where an argument of a system call points: an address in the memory of the program that made it. */
export type UserAddress = bigint & { readonly [unit]: 'user address' };

export interface Hardware {
  /** RAM. Index 0 is physical address 0; the length is a multiple of the page size. */
  readonly ram: Uint8Array;
  readonly files: FileHardware;
  /** The kernel's messages, one sentence each. */
  log(level: 'info' | 'warning' | 'error', message: string): void;
}

/** The kind of a file, as far as a handler asks. `shmem` is a memfd or another file of a tmpfs. */
export type FileKind = 'shmem' | 'hugetlb' | 'other';

export interface FileStatus {
  readonly kind: FileKind;
  /** The same for two descriptors exactly when they have the same inode. */
  readonly inode: string;
  /** The names that the file has. */
  readonly links: number;
  /** In bytes. A bigint, because a sparse file may be larger than any address space. */
  readonly size: bigint;
}

/** Bytes `start` up to but not including `end`; both are multiples of the page size. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The files of the host that hold memory. A descriptor belongs to whoever got it until it is closed. */
export interface FileHardware {
  status(descriptor: Descriptor): FileStatus;
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

/** All that a kernel gives to the next one, beside the RAM itself. */
export interface Handover {
  /** The address of the KHO root, a flattened devicetree. */
  readonly root: PhysicalAddress;
  readonly regions: readonly Region[];
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
