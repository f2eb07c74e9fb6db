/** What programs see of the device and of descriptors: `stat` and its kin, `access`, `readlink`, `fstatfs`. */
import { statPath } from '../../host/descriptors.js';
import { KernelError } from '../../kernel/error.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { SessionFile } from '../../kernel/liveupdate/session-file.js';
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD } from '../../uapi/fcntl.js';
import { LIVEUPDATE_DEVICE } from '../../uapi/liveupdate.js';
import type { Channel } from '../channels.js';
import { inodeKey } from '../host-files.js';
import { type DeviceStatus, portStatus, S_IFCHR, structStat, structStatx } from './device-status.js';
import { isPlaceholder, type Named, namedBy, PATH_MAX } from './path.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

/** Misc devices have major number 10; minor numbers from 255 down are given out as they come. */
const device: DeviceStatus = { mode: S_IFCHR | 0o600, major: 10, minor: 255 };
/** An anonymous inode has no type. */
const session: DeviceStatus = { mode: 0o600, major: 0, minor: 0 };
const X_OK = 1;
const STATFS_SIZE = 120;
const TMPFS_MAGIC = 0x01021994;
const ANON_INODE_FS_MAGIC = 0x09041934;
/** The link of a file of a tmpfs that never had a name (measured on Linux 7.3). */
const UNNAMED = '/ (deleted)';

export const statusTraps = {
  stat: (trap: Trap) => statNamed(trap, AT_FDCWD, 0, 1),
  lstat: (trap: Trap) => statNamed(trap, AT_FDCWD, 0, 1),
  newfstatat,
  fstat: (trap: Trap) => statChannel(trap, trap.int(0), 1),
  statx,
  access: (trap: Trap) => access(trap, AT_FDCWD, 0, 1),
  faccessat: (trap: Trap) => access(trap, trap.int(0), 1, 2),
  faccessat2: (trap: Trap) => access(trap, trap.int(0), 1, 2),
  readlink: (trap: Trap) => readLink(trap, AT_FDCWD, 0),
  readlinkat: (trap: Trap) => readLink(trap, trap.int(0), 1),
  fstatfs,
};

/** What a strict machine answers in place of the above: a retrieved file has the link that Linux gives it. */
export const strictStatusTraps = {
  readlink: (trap: Trap) => readLink(trap, AT_FDCWD, 0, strictLinkText),
  readlinkat: (trap: Trap) => readLink(trap, trap.int(0), 1, strictLinkText),
};

function pathNamed(
  trap: Trap,
  directory: number,
  index: number,
): { named: Named | undefined; path: string } | undefined {
  const path = trap.memory.readText(trap.address(index), PATH_MAX);
  return path === undefined ? undefined : { named: namedBy(trap, directory, path), path };
}

function newfstatat(trap: Trap): Answer {
  const found = pathNamed(trap, trap.int(0), 1);
  if (found?.path === '') return statChannel(trap, trap.int(0), 2);
  return statNamed(trap, trap.int(0), 1, 2);
}

function statNamed(trap: Trap, directory: number, pathIndex: number, bufferIndex: number): Answer {
  const shown = shownAs(pathNamed(trap, directory, pathIndex)?.named);
  if (typeof shown !== 'object') return shown;
  return give(trap, trap.address(bufferIndex), structStat(trap.context.placeholder, shown, shown !== device));
}

/** How a file of luo's looks, the negative error number where there is none, or that the host shows it. */
function shownAs(named: Named | undefined): DeviceStatus | number | typeof PROCEED {
  if (named?.kind !== 'device' && named?.kind !== 'serial') return PROCEED;
  if (named.kind === 'serial' && !named.line.isThere) return -errno.ENOENT;
  if (named.trailingSlash) return -errno.ENOTDIR;
  if (named.kind === 'device') return device;
  return named.line.isHostFile ? PROCEED : portStatus(named.line.name);
}

function statChannel(trap: Trap, fd: number, bufferIndex: number): Answer {
  const channel = trap.channel(fd);
  if (channel === undefined) return PROCEED;
  return give(trap, trap.address(bufferIndex), structStat(trap.context.placeholder, statusOf(channel)));
}

function statusOf({ isDevice }: Channel): DeviceStatus {
  return isDevice ? device : session;
}

function statx(trap: Trap): Answer {
  const found = pathNamed(trap, trap.int(0), 1);
  const channel = found?.path === '' ? trap.channel(trap.int(0)) : undefined;
  const shown = channel === undefined ? shownAs(found?.named) : statusOf(channel);
  if (typeof shown !== 'object') return shown;
  const isPort = shown !== device && shown !== session;
  return give(trap, trap.address(4), structStatx(trap.context.placeholder, shown, isPort));
}

function access(trap: Trap, directory: number, pathIndex: number, modeIndex: number): Answer {
  const shown = shownAs(pathNamed(trap, directory, pathIndex)?.named);
  if (typeof shown !== 'object') return shown;
  // Nobody may execute a file without an execute bit, root included.
  return (trap.word(modeIndex) & X_OK) !== 0 ? -errno.EACCES : 0;
}

function readLink(trap: Trap, directory: number, pathIndex: number, textOf = linkText): Answer {
  const named = pathNamed(trap, directory, pathIndex)?.named;
  if (named === undefined) return PROCEED;
  if (named.kind === 'device') return -errno.EINVAL;
  if (named.kind === 'serial') return notALink(named);
  if (named.kind !== 'descriptor') return PROCEED;
  const text = textOf(trap, named.path);
  const size = trap.int(pathIndex + 2);
  // The kernel itself refuses a buffer without room.
  if (text === undefined || size <= 0) return PROCEED;
  const bytes = Buffer.from(text.subarray(0, size));
  const answer = give(trap, trap.address(pathIndex + 1), bytes);
  return answer === 0 ? bytes.length : answer;
}

function notALink(named: Named): Answer {
  const shown = shownAs(named);
  return typeof shown === 'object' ? -errno.EINVAL : shown;
}

/** The text of the link of one of our descriptors: what systemd, for one, knows a session by. */
function linkText(trap: Trap, path: string): Uint8Array | undefined {
  const channel = trap.context.channels.find(path);
  if (channel === undefined && isPlaceholder(trap, path)) return Buffer.from(LIVEUPDATE_DEVICE);
  if (channel === undefined) return portLink(trap, path);
  return channel.isDevice ? Buffer.from(LIVEUPDATE_DEVICE) : sessionLink(channel);
}

/** The pseudo-terminal that stands for a port is the port to programs. */
function portLink(trap: Trap, path: string): Uint8Array | undefined {
  const line = trap.context.serial?.behind(path);
  return line === undefined || line.isHostFile ? undefined : Buffer.from(`/dev/${line.name}`);
}

/** Linux makes a new file without a name. The kernel underneath shows what this one was made as. */
function strictLinkText(trap: Trap, path: string): Uint8Array | undefined {
  return linkText(trap, path) ?? (isRetrieved(trap, path) ? Buffer.from(UNNAMED) : undefined);
}

function isRetrieved(trap: Trap, path: string): boolean {
  const { retrieved } = trap.context.channels;
  const status = retrieved.size === 0 ? 0 : statPath(path);
  return typeof status !== 'number' && retrieved.has(inodeKey(status.device, status.inode));
}

function sessionLink(channel: Channel): Uint8Array | undefined {
  if (!(channel.file instanceof SessionFile)) return undefined;
  return Buffer.concat([Buffer.from('anon_inode:[luo_session] '), channel.file.session.name.bytes]);
}

function fstatfs(trap: Trap): Answer {
  const channel = trap.channel(trap.int(0));
  if (channel === undefined) return PROCEED;
  const bytes = Buffer.alloc(STATFS_SIZE);
  bytes.writeBigUInt64LE(BigInt(channel.isDevice ? TMPFS_MAGIC : ANON_INODE_FS_MAGIC), 0);
  bytes.writeBigUInt64LE(4096n, 8);
  bytes.writeBigUInt64LE(255n, 64);
  bytes.writeBigUInt64LE(4096n, 72);
  return give(trap, trap.address(1), bytes);
}

/** Writes the answer into the program's memory: 0, or the negative error number where that cannot be done. */
function give(trap: Trap, address: UserAddress, bytes: Uint8Array): number {
  try {
    trap.memory.write(address, bytes);
    return 0;
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
}
