/** Which of luo's files a path of a program names. */
import { readlinkSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import { statPath } from '../../host/descriptors.js';
import { AT_FDCWD } from '../../uapi/fcntl.js';
import { LIVEUPDATE_DEVICE } from '../../uapi/liveupdate.js';
import { inodeKey } from '../host-files.js';
import type { SerialLine } from '../serial/serial-line.js';
import { descriptorPath } from '../task.js';
import type { Trap } from './trap.js';

/** The longest path that the kernel takes, with its NUL. */
export const PATH_MAX = 4096;

export type Named =
  /** `/dev/liveupdate`. */
  | { readonly kind: 'device'; readonly trailingSlash: boolean }
  /** A serial port of the machine. */
  | { readonly kind: 'serial'; readonly line: SerialLine; readonly trailingSlash: boolean }
  /** A file of `/sys/kernel` that tells whether an image is loaded for kexec. */
  | { readonly kind: 'kexec-loaded'; readonly crash: boolean }
  /** A descriptor of a process, by its link in `/proc`. `path` names the same for this process. */
  | { readonly kind: 'descriptor'; readonly path: string };

const deviceDirectory = posix.dirname(LIVEUPDATE_DEVICE);
const deviceName = posix.basename(LIVEUPDATE_DEVICE);

/**
 * What a path means to the thread that uses it, or undefined where it is none of luo's files.
 *
 * Symbolic links are followed in the directories of a path, and not where its last word is one.
 */
export function namedBy(trap: Trap, directory: number, path: string): Named | undefined {
  // Every open of every program comes here: what cannot be ours must be seen at a glance.
  const stripped = path.endsWith('/') ? path.replace(/\/+$/, '') : path;
  const slash = stripped.lastIndexOf('/');
  const last = stripped.slice(slash + 1);
  if (last === deviceName) {
    if (!isDeviceDirectory(trap, directory, stripped.slice(0, slash + 1))) return undefined;
    return { kind: 'device', trailingSlash: stripped !== path };
  }
  const line = last.startsWith('tty') ? trap.context.serial?.named(last) : undefined;
  if (line !== undefined) {
    if (!isDeviceDirectory(trap, directory, stripped.slice(0, slash + 1))) return undefined;
    return { kind: 'serial', line, trailingSlash: stripped !== path };
  }
  if (last === 'kexec_loaded' || last === 'kexec_crash_loaded') {
    if (posix.normalize(path) !== `/sys/kernel/${last}`) return undefined;
    return { kind: 'kexec-loaded', crash: last === 'kexec_crash_loaded' };
  }
  const link = /^\/(?:proc\/(self|thread-self|\d+)|dev)\/fd\/(\d+)$/.exec(path);
  if (link === null) return undefined;
  const [, process, fd] = link;
  const own = process === undefined || process.endsWith('self');
  return { kind: 'descriptor', path: descriptorPath(own ? trap.tid : Number(process), Number(fd)) };
}

function isDeviceDirectory(trap: Trap, directory: number, path: string): boolean {
  if (path === `${deviceDirectory}/`) return true;
  try {
    const base = path.startsWith('/') ? '/' : readlinkSync(baseLink(trap.tid, directory));
    return realpathSync(posix.resolve(base, path)) === deviceDirectory;
  } catch {
    // No such directory, or no such descriptor: the kernel says so best.
    return false;
  }
}

function baseLink(tid: number, directory: number): string {
  return directory === AT_FDCWD ? `/proc/${tid}/cwd` : descriptorPath(tid, directory);
}

/** Whether the descriptor was opened for the device's path only. */
export function isPlaceholder(trap: Trap, path: string): boolean {
  const status = statPath(path);
  return typeof status !== 'number' && inodeKey(status.device, status.inode) === trap.context.placeholder.inode;
}
