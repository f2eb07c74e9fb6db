/** The kernel's files of the host: the very memfds of the programs. */
import { constants } from 'node:fs';
import * as host from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import { KernelError } from '../kernel/error.js';
import type { Descriptor, Extent, FileHardware, FileKind, FileStatus } from '../kernel/hardware.js';
import { errnoName } from '../uapi/errno.js';

const TMPFS_MAGIC = 0x01021994;
const HUGETLBFS_MAGIC = 0x958458f6;
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const PAGE_SIZE = 4096;

export class HostFiles implements FileHardware {
  status(descriptor: Descriptor): FileStatus {
    const { device, inode, links, size } = host.statDescriptor(descriptor);
    return { kind: kindOf(descriptor), inode: inodeKey(device, inode), links, size };
  }

  position(descriptor: Descriptor): bigint {
    return BigInt(host.checked('lseek', host.seek(descriptor, 0, SEEK_CUR)));
  }

  seals(descriptor: Descriptor): number {
    return host.getSeals(descriptor);
  }

  dataExtents(descriptor: Descriptor, size: number): Extent[] {
    // Looking for data moves the position, and this one is the program's, whose other threads go on.
    const own = refusable(() => host.open(`/proc/self/fd/${descriptor}`, constants.O_RDONLY));
    try {
      return extentsOf(own, roundUp(size));
    } finally {
      host.close(own);
    }
  }

  reopen(descriptor: Descriptor, position: bigint): Descriptor {
    return refusable(() => {
      // The file may have been made unreadable by its owner, who is us.
      host.renewAttributes(descriptor);
      return positioned(host.reopen(descriptor), position);
    });
  }

  close(descriptor: Descriptor): void {
    host.close(descriptor);
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
function refusable<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const reason = errnoName(error.errno);
    if (reason === 'EMFILE') {
      throw new KernelError(
        'ENFILE',
        `Cannot open a file: luo has used up its descriptors. Raise the hard limit: ulimit -Hn`,
      );
    }
    throw new KernelError('EIO', `Cannot open a file: ${error.operation} failed with ${reason}`);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}
