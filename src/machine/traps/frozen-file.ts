/** A frozen file that a call is about to write to, on a strict machine. */
import { close, seek, statPath, statusFlags } from '../../host/descriptors.js';
import { openFlags } from '../../uapi/fcntl.js';
import { inodeKey } from '../host-files.js';
import { copyDescriptor, descriptorPath } from '../task.js';
import type { Trap } from './trap.js';

const { O_ACCMODE, O_APPEND, O_PATH, O_RDONLY, O_WRONLY } = openFlags(process.arch);
const SEEK_CUR = 1;

/** What is written at once by luo in place of a program is no more than this: a write may be shorter than asked. */
export const MOST_BYTES = 1 << 26;

export class FrozenFile {
  private constructor(
    /** A copy of the program's descriptor. */
    readonly fd: number,
    readonly inode: string,
    /** In bytes. */
    readonly size: bigint,
    /** Access mode and status flags. */
    readonly flags: number,
  ) {}

  /**
   * Opened for as long as `action` runs.
   *
   * @returns what `action` returns; undefined where the program's descriptor is none of a frozen file
   * @throws KernelError ENFILE, ESRCH as `copyDescriptor`
   */
  static with<T>(trap: Trap, fd: number, action: (file: FrozenFile) => T): T | undefined {
    if (!trap.anyFrozen) return undefined;
    const status = statPath(descriptorPath(trap.tid, fd));
    if (typeof status === 'number') return undefined;
    const inode = inodeKey(status.device, status.inode);
    // A file that is not frozen takes everything.
    if (trap.context.kernel.writableBytes(inode, status.size, 1n, status.size) !== 0n) return undefined;
    const copy = copyDescriptor(trap.call, trap.context.listener, fd);
    if (copy === undefined) return undefined;
    try {
      return action(new FrozenFile(copy, inode, status.size, statusFlags(copy)));
    } finally {
      close(copy);
    }
  }

  get appends(): boolean {
    return (this.flags & O_APPEND) !== 0;
  }

  get isWritable(): boolean {
    return (this.flags & O_PATH) === 0 && (this.flags & O_ACCMODE) !== O_RDONLY;
  }

  /** Where a write begins that names no offset. */
  get position(): bigint {
    return BigInt(Math.max(seek(this.fd, 0, SEEK_CUR), 0));
  }
}

export function canRead(flags: number): boolean {
  return (flags & O_PATH) === 0 && (flags & O_ACCMODE) !== O_WRONLY;
}
