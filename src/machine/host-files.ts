/** The kernel's files of the host: the very memfds of the programs. */
import { constants, fstatSync, readlinkSync } from 'node:fs';
import { copyRange } from '../host/copy-range.js';
import * as host from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import { isSameOpenFile } from '../host/same-file.js';
import { KernelError } from '../kernel/error.js';
import type {
  CopyOptions,
  Descriptor,
  Extent,
  FileHardware,
  FileKind,
  FileStatus,
  FileType,
  HugePagePool,
} from '../kernel/hardware.js';
import { errnoName } from '../uapi/errno.js';
import { hugePagePools } from './huge-pages.js';

const TMPFS_MAGIC = 0x01021994;
const HUGETLBFS_MAGIC = 0x958458f6;
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const PAGE_SIZE = 4096;
const PERMISSIONS = 0o7777;
const S_IFMT = 0o170000;
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, 'regular'],
  [0o140000, 'socket'],
  [0o010000, 'pipe'],
]);

export class HostFiles implements FileHardware {
  status(descriptor: Descriptor): FileStatus {
    const { device, inode, links, size, mode } = host.statDescriptor(descriptor);
    const permissions = mode & PERMISSIONS;
    return {
      // Not all ask for these two, and each is a call of the host of its own.
      get kind() {
        return kindOf(descriptor);
      },
      type: types.get(mode & S_IFMT) ?? 'other',
      inode: inodeKey(device, inode),
      get link() {
        return readlinkSync(`/proc/self/fd/${descriptor}`);
      },
      links,
      size,
      permissions,
    };
  }

  isSameFile(one: Descriptor, other: Descriptor): boolean {
    return isSameOpenFile(one, other) ?? this.status(one).type === 'socket';
  }

  position(descriptor: Descriptor): bigint {
    return BigInt(host.checked('lseek', host.seek(descriptor, 0, SEEK_CUR)));
  }

  seals(descriptor: Descriptor): number {
    return host.getSeals(descriptor);
  }

  dataExtents(descriptor: Descriptor, size: number): Extent[] {
    // Looking for data moves the position, and this one is the program's, whose other threads go on.
    const own = refusable('open', () => openToRead(descriptor));
    try {
      return extentsOf(own, roundUp(size));
    } finally {
      host.close(own);
    }
  }

  reopen(descriptor: Descriptor, position: bigint): Descriptor {
    return refusable('open', () => {
      // The file may have been made unreadable by its owner, who is us.
      host.renewAttributes(descriptor);
      return positioned(host.reopen(descriptor), position);
    });
  }

  copy(descriptor: Descriptor, options: CopyOptions): Descriptor {
    return refusable('copy', () => {
      host.renewAttributes(descriptor);
      const own = openToRead(descriptor);
      try {
        return copyOf(own, options);
      } finally {
        host.close(own);
      }
    });
  }

  hugePageSize(descriptor: Descriptor): number {
    // Such a file tells its page size as the size of its blocks.
    return fstatSync(descriptor).blksize;
  }

  hugePagePools(): HugePagePool[] {
    return hugePagePools();
  }

  close(descriptor: Descriptor): void {
    host.close(descriptor);
  }
}

function openToRead(descriptor: Descriptor): number {
  return host.open(`/proc/self/fd/${descriptor}`, constants.O_RDONLY);
}

function copyOf(fd: number, { size, position, seals }: CopyOptions): Descriptor {
  const copy = host.createMemory('', true);
  try {
    host.resize(copy, size);
    for (const { start, end } of extentsOf(fd, Number(size))) copyRange(fd, copy, start, end);
    // Which seals go with the exec seal depends on the mode.
    host.renewAttributes(copy);
    if (seals !== 0) host.addSeals(copy, seals);
    return positioned(copy, position);
  } catch (error) {
    host.close(copy);
    throw error;
  }
}

/** Up to `limit`: a thread of the program may be making the file longer, until it is frozen. */
function extentsOf(fd: number, limit: number): Extent[] {
  const extents: Extent[] = [];
  for (let at = 0; at < limit; ) {
    const start = host.seek(fd, at, SEEK_DATA);
    // No data after `at` is ENXIO.
    if (start < 0 || start >= limit) break;
    const end = Math.min(roundUp(host.checked('lseek', host.seek(fd, start, SEEK_HOLE))), limit);
    extents.push({ start, end });
    at = end;
  }
  return extents;
}

/** The identity of an inode, as the kernel compares it. */
export function inodeKey(device: bigint, inode: bigint): string {
  return `${device}:${inode}`;
}

/** Whether a file is one that Linux makes anew when it is retrieved: a memfd, for one. */
export function isUnnamedMemory(fd: number): boolean {
  const { mode, links } = host.statDescriptor(fd);
  return types.get(mode & S_IFMT) === 'regular' && links === 0 && kindOf(fd) !== 'other';
}

function kindOf(fd: number): FileKind {
  switch (host.fileSystemMagic(fd)) {
    case TMPFS_MAGIC:
      return 'shmem';
    case HUGETLBFS_MAGIC:
      return 'hugetlb';
    default:
      return 'other';
  }
}

function positioned(fd: number, position: bigint): Descriptor {
  host.checked('lseek', host.seek(fd, position, SEEK_SET));
  // Only this class knows what a descriptor is: a number of this process's own table.
  return fd as Descriptor;
}

/** What the host refuses while a program waits is an error of the program's call, and no bug. */
function refusable<T>(what: 'open' | 'copy', action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const reason = errnoName(error.errno);
    if (reason === 'EMFILE') {
      throw new KernelError(
        'ENFILE',
        `Cannot ${what} a file: luo has used up its descriptors. Raise the hard limit: ulimit -Hn`,
      );
    }
    throw new KernelError('EIO', `Cannot ${what} a file: ${error.operation} failed with ${reason}`);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}
