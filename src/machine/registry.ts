/**
 * The running machines of this user: a directory each, with the name of the machine.
 *
 * A machine runs for as long as somebody holds the lock in its directory: its keeper and its process share it, so that
 * it is free when both are gone, however they ended.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isLocked, lock } from '../host/locks.js';
import { MACHINE_LOCK } from './config.js';
import { CONTROL_SOCKET } from './control-protocol.js';
import { makePrivateDirectory, PLACEHOLDER, runtimeDirectory, SetupError } from './directories.js';

const LOCK = 'lock';

/** The longest path of a Unix socket, without its NUL. */
const SOCKET_PATH_LIMIT = 107;

const LONGEST_NAME = 64;

/** A name that is taken, and what goes with it. */
export interface Claim {
  readonly name: string;
  readonly directory: string;
  /** A descriptor. The machine counts as running until the last copy of it is closed. */
  readonly lock: number;
}

/** A name for a machine that runs the command: the file's own, without what names cannot have. */
export function defaultName(file: string): string {
  const usable = file
    .replace(/^.*\//s, '')
    .replace(/[^\w.+@-]/g, '_')
    .replace(/^[.-]+/, '');
  return usable.slice(0, LONGEST_NAME) || 'machine';
}

/**
 * Takes a name for a new machine, and makes its directory.
 *
 * @param name a name that must be free; or a stem, of which the first free variant is taken where `exact` is false
 * @throws SetupError where the name is taken or unusable, or the directory cannot be made
 */
export function claimName(name: string, exact: boolean): Claim {
  if (!/^[\w+@][\w.+@-]*$/.test(name) || name.length > LONGEST_NAME) {
    throw new SetupError(
      `Cannot name a machine "${name}": use up to ${LONGEST_NAME} letters, digits and . _ + @ -, and begin with none of . and -`,
    );
  }
  const root = runtimeDirectory();
  makePrivateDirectory(root, 'Set LUO_RUNTIME_DIR to a directory that you can write');
  return exclusively(root, () => {
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? name : `${name}-${number}`;
      const claim = claimFree(candidate, join(root, candidate));
      if (claim !== undefined) return claim;
      if (exact)
        throw new SetupError(
          `Cannot start machine "${name}": one of that name is running. End it with: luo stop ${name}`,
        );
    }
  });
}

/** Undefined where the name is taken. */
function claimFree(name: string, directory: string): Claim | undefined {
  if (Buffer.byteLength(join(directory, CONTROL_SOCKET)) > SOCKET_PATH_LIMIT) {
    throw new SetupError(
      `Cannot use the directory ${directory}: the path of a socket in it is too long. Set LUO_RUNTIME_DIR to a shorter one`,
    );
  }
  if (isRunning(directory)) return undefined;
  clear(directory);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Something that luo has not made.
    if (readdirSync(directory).length > 0) return undefined;
    const file = openSync(join(directory, LOCK), 'wx', 0o600);
    lock(file);
    return { name, directory, lock: file };
  } catch (error) {
    // Errors of Node's file functions carry the error's name.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return undefined;
    throw new SetupError(
      `Cannot make the directory ${directory} (${code}). Set LUO_RUNTIME_DIR to a directory that you can write`,
    );
  }
}

/** Removes the directory of a machine that has ended, unless it is another's by now. */
export function release({ directory, lock: held }: Pick<Claim, 'directory' | 'lock'>): void {
  if (!existsSync(directory)) return;
  exclusively(dirname(directory), () => {
    const current = statSync(join(directory, LOCK), { throwIfNoEntry: false });
    if (current?.ino === fstatSync(held).ino) clear(directory);
  });
}

/** The names of the running machines, in alphabetical order. What killed ones have left is removed. */
export function runningMachines(): string[] {
  const root = runtimeDirectory();
  return entries(root)
    .filter((name) => {
      const directory = join(root, name);
      if (isRunning(directory)) return true;
      exclusively(root, () => {
        // One that is just being made is locked by now.
        if (!isRunning(directory)) clear(directory);
      });
      return false;
    })
    .sort();
}

/** The process that is the machine, as far as this user may look. Its keeper holds the lock, too. */
export function processOf(name: string): number | undefined {
  const file = join(runtimeDirectory(), name, LOCK);
  return readdirSync('/proc')
    .map(Number)
    .find((pid) => isMachine(pid, file));
}

function isMachine(pid: number, lockFile: string): boolean {
  try {
    const holdsIt = readlinkSync(`/proc/${pid}/fd/${MACHINE_LOCK}`) === lockFile;
    return holdsIt && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('machine-main');
  } catch {
    // No process, or one that has ended, or another user's.
    return false;
  }
}

function entries(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    // Errors of Node's file functions carry the error's name.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new SetupError(
      `Cannot look for machines in ${root} (${code}). Set LUO_RUNTIME_DIR to the directory that they were started with`,
    );
  }
}

/** Whether there is a machine. What luo has not made is none. */
function isRunning(directory: string): boolean {
  let file: number;
  try {
    file = openSync(join(directory, LOCK), 'r');
  } catch {
    return false;
  }
  try {
    return isLocked(file);
  } finally {
    closeSync(file);
  }
}

/** Removes a machine's directory with what luo has put there; nothing, where it is anything else. */
function clear(directory: string): void {
  if (!existsSync(join(directory, LOCK))) return;
  // A machine that was killed has left those of its programs, too.
  const sockets = readdirSync(directory).filter((name) => name === CONTROL_SOCKET || /^notify-\d+\.sock$/.test(name));
  for (const file of [...sockets, PLACEHOLDER, LOCK]) rmSync(join(directory, file), { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // Somebody keeps something of theirs there.
  }
}

/** Two commands that claim or clear at the same time would see what the other has half done. */
function exclusively<T>(root: string, action: () => T): T {
  const directory = openSync(root, 'r');
  try {
    lock(directory);
    return action();
  } finally {
    closeSync(directory);
  }
}
