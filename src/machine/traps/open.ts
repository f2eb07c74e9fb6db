/** `open`, `openat`, `openat2` and `creat`. */
import { numbers } from '../../host/architecture.js';
import { close, open, setStatusFlags, statPath, tryOpenHow } from '../../host/descriptors.js';
import { KernelError } from '../../kernel/error.js';
import type { File } from '../../kernel/fs/file.js';
import type { UserAddress } from '../../kernel/hardware.js';
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD, NRESETDEV_BIT, openFlags } from '../../uapi/fcntl.js';
import { inodeKey } from '../host-files.js';
import { virtualFile } from '../virtual-file.js';
import { asksToKeep, contradictsKeeping, openKeeping } from './keep.js';
import { isPlaceholder, type Named, namedBy, PATH_MAX } from './path.js';
import { openSerial } from './serial.js';
import { ANSWERED, type Answer, PROCEED, type Trap, unlessRefused } from './trap.js';

const {
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
} = openFlags(process.arch);

interface Request {
  readonly directory: number;
  readonly path: UserAddress;
  readonly flags: number;
}

export const openTraps = {
  open: (trap: Trap) => openPath(trap, { directory: AT_FDCWD, path: trap.address(0), flags: trap.word(1) }),
  creat: (trap: Trap) =>
    openPath(trap, { directory: AT_FDCWD, path: trap.address(0), flags: O_CREAT | O_WRONLY | O_TRUNC }),
  openat: (trap: Trap) => openPath(trap, { directory: trap.int(0), path: trap.address(1), flags: trap.word(2) }),
  openat2,
};

/** `struct open_how`: u64 flags, u64 mode, u64 resolve. Later versions are longer. */
const OPEN_HOW_SIZE = 24;
const OPEN_HOW_LARGEST = 4096;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;
const ALL_RESOLVE = 0x3f;

function openPath(trap: Trap, request: Request): Answer {
  const path = trap.memory.readText(request.path, PATH_MAX);
  if (path === undefined) return PROCEED;
  const { directory, flags } = request;
  const named = namedBy(trap, directory, path);
  if (named !== undefined && (named.kind !== 'descriptor' || !asksToKeep(flags))) return openNamed(trap, flags, named);
  return asksToKeep(flags) ? openKeeping(trap, { directory, path, flags, resolve: 0 }) : PROCEED;
}

function openat2(trap: Trap): Answer {
  const how = openHow(trap);
  const path = trap.memory.readText(trap.address(1), PATH_MAX);
  // The host says what is wrong with either.
  if (how === undefined || path === undefined) return PROCEED;
  const resolve = how.getUint32(16, true);
  const named = namedBy(trap, trap.int(0), (resolve & RESOLVE_IN_ROOT) !== 0 ? `./${path}` : path);
  const flags = how.getUint32(0, true);
  const keeps = asksToKeep(flags);
  if (keeps && contradictsKeeping(flags)) return -errno.EINVAL;
  if (named === undefined && !keeps) return PROCEED;
  if (named?.kind === 'descriptor' && !keeps) return openNamed(trap, flags, named);
  // The host judges the rest of the structure, by an ordinary file. How a path leads there does not count for it, and
  // the flag no host knows.
  if (keeps) how.setUint32(0, flags & ~NRESETDEV_BIT & ~O_DIRECTORY, true);
  how.setUint32(16, resolve & ~ALL_RESOLVE, true);
  const problem = tryOpenHow(trap.context.placeholder.path, new Uint8Array(how.buffer, how.byteOffset, how.byteLength));
  if (problem < 0) return problem;
  if (named === undefined || named.kind === 'descriptor')
    return openKeeping(trap, { directory: trap.int(0), path, flags, resolve });
  if ((resolve & RESOLVE_BENEATH) !== 0 && path.startsWith('/')) return -errno.EXDEV;
  return openNamed(trap, flags, named);
}

/**
 * Whether a call opens a file that luo opens in place of the host: the device, a serial port of the machine, or what only
 * the kernel of the caller can tell.
 */
export function opensFileOfKernel(trap: Trap): boolean {
  switch (trap.call.number) {
    case numbers.open:
      return namesFileOfKernel(trap, AT_FDCWD, 0, trap.word(1));
    case numbers.creat:
      return namesFileOfKernel(trap, AT_FDCWD, 0, O_CREAT);
    case numbers.openat:
      return namesFileOfKernel(trap, trap.int(0), 1, trap.word(2));
    case numbers.openat2: {
      const how = openHow(trap);
      if (how === undefined) return false;
      const isRooted = (how.getUint32(16, true) & RESOLVE_IN_ROOT) !== 0;
      return namesFileOfKernel(trap, trap.int(0), 1, how.getUint32(0, true), isRooted);
    }
    default:
      return false;
  }
}

function namesFileOfKernel(trap: Trap, directory: number, pathIndex: number, flags: number, isRooted = false): boolean {
  const { channels, serial } = trap.context;
  const path = trap.memory.readText(trap.address(pathIndex), PATH_MAX);
  if (path === undefined) return false;
  // Whatever the path of such an open is, it may lead to a port.
  if (serial !== undefined && asksToKeep(flags)) return true;
  const named = namedBy(trap, directory, isRooted ? `./${path}` : path);
  if (named?.kind !== 'descriptor') return named !== undefined;
  return isPlaceholder(trap, named.path) || channels.find(named.path) !== undefined || !!serial?.behind(named.path);
}

/** Undefined where it cannot be read, or has a size that no version has. */
function openHow(trap: Trap): DataView | undefined {
  const size = trap.long(3);
  if (size < BigInt(OPEN_HOW_SIZE) || size > BigInt(OPEN_HOW_LARGEST)) return undefined;
  try {
    const { buffer, byteOffset } = trap.memory.read(trap.address(2), Number(size));
    return new DataView(buffer, byteOffset, Number(size));
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EFAULT') return undefined;
    throw error;
  }
}

function openNamed(trap: Trap, asked: number, named: Named): Answer {
  // Luo's own files are the same whether they are open or not.
  const keepsAnyhow = asksToKeep(asked) && named.kind !== 'serial';
  const flags = keepsAnyhow ? asked & ~NRESETDEV_BIT & ~O_DIRECTORY : asked;
  switch (named.kind) {
    case 'device':
      if (named.trailingSlash) return -errno.ENOTDIR;
      return openDevice(trap, flags);
    case 'serial':
      if (named.trailingSlash) return -errno.ENOTDIR;
      return asksToKeep(flags) && contradictsKeeping(flags) ? -errno.EINVAL : openSerial(trap, flags, named.line);
    case 'kexec-loaded':
      return openKexecLoaded(trap, flags, named.crash);
    case 'descriptor':
      return openDescriptor(trap, flags, named.path);
  }
}

function openDevice(trap: Trap, flags: number): Answer {
  const { calls } = trap.context;
  const fd = calls.call(trap.call, 'open', (opened) => tryDevice(trap, flags, opened));
  return fd < 0 ? fd : ANSWERED;
}

/**
 * @param opened called when the device is open, before the program learns of it
 * @returns the descriptor that the program has got, or the negative error number
 */
function tryDevice(trap: Trap, flags: number, opened: () => void): number {
  const { kernel, channels, placeholder } = trap.context;
  if ((flags & O_DIRECTORY) !== 0) return -errno.ENOTDIR;
  // Linux refuses to pass a descriptor of that kind on: one that can read nothing is the nearest to it.
  if ((flags & O_PATH) !== 0) return give(trap, open(placeholder.path, O_RDONLY), flags);
  if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) return -errno.EEXIST;
  channels.drain();
  let file: File;
  try {
    file = kernel.openDevice();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // The number is set aside before the device is opened.
    if (trap.task.files.hasRoom()) throw error;
    return -errno.EMFILE;
  }
  if ((flags & O_DIRECT) !== 0) {
    file.put();
    return -errno.EINVAL;
  }
  try {
    opened();
    return giveDevice(trap, file, flags);
  } catch (error) {
    file.put();
    throw error;
  }
}

/** Gives the program a descriptor of the device, which takes over the reference; where there is none, it is put. */
function giveDevice(trap: Trap, file: File, flags: number): number {
  const { channels, listener } = trap.context;
  const kept = flags & (O_ACCMODE | O_NONBLOCK | O_APPEND);
  const channel = channels.open(file, kept | O_LARGEFILE, true);
  if ((kept & ~O_ACCMODE) !== 0) setStatusFlags(channel.theirs, kept & ~O_ACCMODE);
  const fd = listener.addDescriptor(trap.call.id, channel.theirs, (flags & O_CLOEXEC) !== 0, true);
  if (fd < 0) {
    channels.abandon(channel);
    file.put();
    return fd;
  }
  close(channel.theirs);
  return fd;
}

/** `/sys/kernel/kexec_loaded`, which kexec-tools reads before it jumps: of this machine, and not of the host. */
function openKexecLoaded(trap: Trap, flags: number, crash: boolean): Answer {
  if ((flags & O_DIRECTORY) !== 0) return -errno.ENOTDIR;
  if ((flags & O_ACCMODE) !== 0) return -errno.EACCES;
  const { image, crashImage } = trap.context.power;
  const loaded = (crash ? crashImage : image) !== undefined;
  const fd = give(trap, virtualFile(loaded ? '1\n' : '0\n'), flags);
  return fd < 0 ? fd : ANSWERED;
}

function openDescriptor(trap: Trap, flags: number, path: string): Answer {
  const { kernel, channels } = trap.context;
  if ((flags & O_PATH) !== 0) return PROCEED;
  if (isPlaceholder(trap, path)) return openDevice(trap, flags);
  const channel = channels.find(path);
  if (channel !== undefined) return channel.isDevice ? openDevice(trap, flags) : -errno.ENXIO;
  const line = trap.context.serial?.behind(path);
  if (line !== undefined) return openSerial(trap, flags, line);
  if ((flags & O_TRUNC) === 0 || !trap.anyFrozen) return PROCEED;
  const status = statPath(path);
  if (typeof status === 'number') return PROCEED;
  return unlessRefused(() => kernel.checkResize(inodeKey(status.device, status.inode), status.size, 0n));
}

/**
 * Gives the program a copy of a descriptor of ours as the result of its call, and closes ours.
 *
 * @returns its number, or the negative error number
 */
function give(trap: Trap, fd: number, flags: number): number {
  try {
    return trap.context.listener.addDescriptor(trap.call.id, fd, (flags & O_CLOEXEC) !== 0, true);
  } finally {
    close(fd);
  }
}
