/**
 * `O_NRESETDEV` on what is no serial port of the machine. Where an open disturbs nothing, the flag changes nothing; where
 * it may, and nobody can keep it from that, the open is refused.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { close, openBeneath, type Status, statDescriptor, statPath } from '../../host/descriptors.js';
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD, NRESETDEV_BIT, openFlags } from '../../uapi/fcntl.js';
import { descriptorPath } from '../task.js';
import { openSerial } from './serial.js';
import { ANSWERED, type Answer, type Trap } from './trap.js';

const {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
} = openFlags(process.arch);

const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

/** Majors of character devices that are the same whether they are open or not; of some, not all minors. */
const MEMORY = 1;
const CONSOLES = 4;
/** Minors of major 4 from here on are serial ports. */
const FIRST_SERIAL = 64;
const TERMINALS = 5;
/** The controlling terminal, and the masters of pseudo-terminals. Among the others, `/dev/console` may be a serial port. */
const TTY = 0;
const PTMX = 2;
const FIRST_PTY = 136;
const LAST_PTY = 143;

export interface KeepingOpen {
  readonly directory: number;
  readonly path: string;
  readonly flags: number;
  /** `RESOLVE_*` bits. */
  readonly resolve: number;
}

/** Whether an open has the flag. */
export function asksToKeep(flags: number): boolean {
  return (flags & NRESETDEV_BIT) !== 0;
}

/** Whether an open with the flag asks for something else as well: whoever keeps things neither makes nor empties any. */
export function contradictsKeeping(flags: number): boolean {
  return (flags & O_DIRECTORY) === 0 || (flags & (O_CREAT | O_TRUNC | O_PATH | (O_TMPFILE & ~O_DIRECTORY))) !== 0;
}

/** Opens a file with the flag, in place of the host, which does not know it. */
export function openKeeping(trap: Trap, open: KeepingOpen): Answer {
  if (contradictsKeeping(open.flags)) return -errno.EINVAL;
  const { tid } = trap;
  // It would be opened with the rights of luo, and where luo sees it.
  if (!hasOurRights(tid)) return -errno.EACCES;
  if (!hasOurRoot(tid)) return -errno.EOPNOTSUPP;
  const place = openPlace(tid, open);
  if (place < 0) return place;
  try {
    return isOfOurProcess(place) ? -errno.EACCES : openAgain(trap, open.flags, place);
  } finally {
    close(place);
  }
}

/** What the path leads to, as O_PATH has it, or the negative error number. */
function openPlace(tid: number, { directory, path, flags, resolve }: KeepingOpen): number {
  const base = directory === AT_FDCWD ? `/proc/${tid}/cwd` : descriptorPath(tid, directory);
  const how = O_PATH | (flags & O_NOFOLLOW);
  const own = resolve === 0 ? ownPath(tid, path) : undefined;
  if (own !== undefined) return openBeneath('/', own, how, 0);
  const isScoped = (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) !== 0;
  // An absolute path begins at no directory, which need not be one then.
  const isFree = path.startsWith('/') && !isScoped;
  if (!isFree && typeof statPath(base) === 'number') return -errno.EBADF;
  // A link to "self" in what is left would lead to this process: isOfOurProcess sees those that are not of that kind.
  return openBeneath(isFree ? '/' : base, path, how, resolve | RESOLVE_NO_MAGICLINKS);
}

/**
 * Whether a file is in this process's own part of `/proc`. A link to "self" leads there that is none of those below; and
 * what any process may do to itself, such as write its memory, others may not.
 */
function isOfOurProcess(place: number): boolean {
  const thread = /^\/proc\/(\d+)(?:\/|$)/.exec(readlinkSync(`/proc/self/fd/${place}`))?.[1];
  return thread !== undefined && existsSync(`/proc/self/task/${thread}`);
}

/** The same path for this process, where it means the process that uses it. */
function ownPath(tid: number, path: string): string | undefined {
  const process = /^\/proc\/(?:self|thread-self)(\/.*)$/.exec(path)?.[1];
  if (process !== undefined) return `/proc/${tid}${process}`;
  const descriptor = /^\/dev\/fd\/(\d+)$/.exec(path)?.[1] ?? standard.get(path);
  if (descriptor !== undefined) return descriptorPath(tid, Number(descriptor));
  return /^\/proc\/\d+\//.test(path) ? path : undefined;
}

const standard: ReadonlyMap<string, string> = new Map([
  ['/dev/stdin', '0'],
  ['/dev/stdout', '1'],
  ['/dev/stderr', '2'],
]);

function openAgain(trap: Trap, flags: number, place: number): Answer {
  const status = statDescriptor(place);
  const kind = status.mode & S_IFMT;
  if (kind === S_IFCHR) {
    const line = trap.context.serial?.having(status.represents);
    if (line !== undefined) return openSerial(trap, flags, line);
    const refusal = refusalOf(trap.tid, status);
    if (refusal !== 0) return refusal;
  }
  // A drive may spin up, or draw its tray in.
  if (kind === S_IFBLK) return -errno.EOPNOTSUPP;
  // luo cannot wait for the other side of a pipe in the place of the program.
  if (kind === S_IFIFO && (flags & O_NONBLOCK) === 0 && (flags & O_ACCMODE) !== O_RDWR) return -errno.EOPNOTSUPP;
  const asked = flags & ~NRESETDEV_BIT & ~O_DIRECTORY & ~O_NOFOLLOW;
  // A terminal must not become that of this process.
  const own = openBeneath('/', `/proc/self/fd/${place}`, asked | O_NOCTTY, 0);
  if (own < 0) return own;
  const fd = trap.context.listener.addDescriptor(trap.call.id, own, (flags & O_CLOEXEC) !== 0, true);
  close(own);
  return fd < 0 ? fd : ANSWERED;
}

/** Why a character device cannot be opened with the flag, as a negative error number, or 0. */
function refusalOf(tid: number, { represents }: Status): number {
  const major = Number((represents >> 8n) & 0xfffn);
  const minor = Number((represents & 0xffn) | ((represents >> 12n) & 0xfff00n));
  const isUndisturbed =
    major === MEMORY ||
    (major === CONSOLES && minor < FIRST_SERIAL) ||
    (major === TERMINALS && (minor === TTY || minor === PTMX)) ||
    (major >= FIRST_PTY && major <= LAST_PTY);
  if (!isUndisturbed) return -errno.EOPNOTSUPP;
  if (major !== TERMINALS || minor !== TTY) return 0;
  const theirs = terminalOf(tid);
  if (theirs === '0') return -errno.ENXIO;
  return theirs === terminalOf('self') ? 0 : -errno.EOPNOTSUPP;
}

/** The device number of the controlling terminal of a process, as `/proc` shows it: 0 where it has none. */
function terminalOf(process: number | 'self'): string {
  try {
    // The name of a program may have blanks and parentheses in it.
    const [, fields = ''] = /\) (.*)$/s.exec(readFileSync(`/proc/${process}/stat`, 'latin1')) ?? [];
    return fields.split(' ')[4] ?? '0';
  } catch {
    return '0';
  }
}

/** Whether a thread acts as the user that this process is, and may do what it may. */
function hasOurRights(tid: number): boolean {
  const rights = (process: number | 'self') =>
    readFileSync(`/proc/${process}/status`, 'latin1')
      .match(/^(?:Uid|Gid|Groups|CapEff):.*$/gm)
      ?.join();
  try {
    return rights(tid) === rights('self');
  } catch {
    return false;
  }
}

/** Whether absolute paths mean the same to a thread: its root is the same, and so is what is mounted below it. */
function hasOurRoot(tid: number): boolean {
  return isSame(`/proc/${tid}/root`, '/') && isSame(`/proc/${tid}/ns/mnt`, '/proc/self/ns/mnt');
}

function isSame(path: string, other: string): boolean {
  const [one, two] = [statPath(path), statPath(other)];
  if (typeof one === 'number' || typeof two === 'number') return false;
  return one.device === two.device && one.inode === two.inode;
}
