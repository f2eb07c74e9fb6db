/** What programs see of the device and of descriptors: `stat` and its kin, `access`, `readlink`, `fstatfs`. */
import { statBytes, statPath } from '../../host/descriptors.js';
import { KernelError } from '../../kernel/error.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { SessionFile } from '../../kernel/liveupdate/session-file.js';
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD } from '../../uapi/fcntl.js';
import { LIVEUPDATE_DEVICE } from '../../uapi/liveupdate.js';
import type { Channel } from '../channels.js';
import { inodeKey } from '../host-files.js';
import { isPlaceholder, type Named, namedBy, PATH_MAX } from './path.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const S_IFCHR = 0o020000;
const DEVICE_MODE = S_IFCHR | 0o600;
/** An anonymous inode has no type. */
const SESSION_MODE = 0o600;
/** Misc devices have major number 10; minor numbers from 255 down are given out as they come. */
const DEVICE_MAJOR = 10;
const DEVICE_MINOR = 255;
const X_OK = 1;
const STAT_SIZE = process.arch === 'x64' ? 144 : 128;
const STATX_SIZE = 256;
const STATX_BASIC_STATS = 0x7ff;
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
  const named = pathNamed(trap, directory, pathIndex)?.named;
  if (named?.kind !== 'device') return PROCEED;
  if (named.trailingSlash) return -errno.ENOTDIR;
  return give(trap, trap.address(bufferIndex), structStat(trap, true));
}

function statChannel(trap: Trap, fd: number, bufferIndex: number): Answer {
  const channel = trap.channel(fd);
  return channel === undefined ? PROCEED : give(trap, trap.address(bufferIndex), structStat(trap, channel.isDevice));
}

/** `struct stat` of the placeholder, with what makes it the device or a session. */
function structStat(trap: Trap, isDevice: boolean): Uint8Array {
  const bytes = statBytes(trap.context.placeholder.path, STAT_SIZE);
  const x64 = process.arch === 'x64';
  bytes.writeUInt32LE(isDevice ? DEVICE_MODE : SESSION_MODE, x64 ? 24 : 16);
  bytes.writeBigUInt64LE(isDevice ? BigInt((DEVICE_MAJOR << 8) | DEVICE_MINOR) : 0n, x64 ? 40 : 32);
  return bytes;
}

function statx(trap: Trap): Answer {
  const found = pathNamed(trap, trap.int(0), 1);
  const channel = found?.path === '' ? trap.channel(trap.int(0)) : undefined;
  const named = found?.named;
  if (channel === undefined && named?.kind !== 'device') return PROCEED;
  if (named?.kind === 'device' && named.trailingSlash) return -errno.ENOTDIR;
  return give(trap, trap.address(4), statxBytes(trap, channel?.isDevice ?? true));
}

function statxBytes(trap: Trap, isDevice: boolean): Uint8Array {
  const status = statPath(trap.context.placeholder.path);
  const bytes = Buffer.alloc(STATX_SIZE);
  bytes.writeUInt32LE(STATX_BASIC_STATS, 0);
  bytes.writeUInt32LE(4096, 4);
  bytes.writeUInt32LE(1, 16);
  bytes.writeUInt32LE(process.getuid?.() ?? 0, 20);
  bytes.writeUInt32LE(process.getgid?.() ?? 0, 24);
  bytes.writeUInt16LE(isDevice ? DEVICE_MODE : SESSION_MODE, 28);
  if (typeof status !== 'number') {
    bytes.writeBigUInt64LE(status.inode, 32);
    bytes.writeUInt32LE(Number((status.device >> 8n) & 0xfffn), 136);
    bytes.writeUInt32LE(Number(status.device & 0xffn), 140);
  }
  if (isDevice) {
    bytes.writeUInt32LE(DEVICE_MAJOR, 128);
    bytes.writeUInt32LE(DEVICE_MINOR, 132);
  }
  return bytes;
}

function access(trap: Trap, directory: number, pathIndex: number, modeIndex: number): Answer {
  const named = pathNamed(trap, directory, pathIndex)?.named;
  if (named?.kind !== 'device') return PROCEED;
  if (named.trailingSlash) return -errno.ENOTDIR;
  // Nobody may execute a file without an execute bit, root included.
  return (trap.word(modeIndex) & X_OK) !== 0 ? -errno.EACCES : 0;
}

function readLink(trap: Trap, directory: number, pathIndex: number, textOf = linkText): Answer {
  const named = pathNamed(trap, directory, pathIndex)?.named;
  if (named === undefined) return PROCEED;
  if (named.kind === 'device') return -errno.EINVAL;
  if (named.kind !== 'descriptor') return PROCEED;
  const text = textOf(trap, named.path);
  const size = trap.int(pathIndex + 2);
  // The kernel itself refuses a buffer without room.
  if (text === undefined || size <= 0) return PROCEED;
  const bytes = Buffer.from(text.subarray(0, size));
  const answer = give(trap, trap.address(pathIndex + 1), bytes);
  return answer === 0 ? bytes.length : answer;
}

/** The text of the link of one of our descriptors: what systemd, for one, knows a session by. */
function linkText(trap: Trap, path: string): Uint8Array | undefined {
  const channel = trap.context.channels.find(path);
  if (channel === undefined) return isPlaceholder(trap, path) ? Buffer.from(LIVEUPDATE_DEVICE) : undefined;
  return channel.isDevice ? Buffer.from(LIVEUPDATE_DEVICE) : sessionLink(channel);
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
