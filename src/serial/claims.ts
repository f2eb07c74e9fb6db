/**
 * Who holds which port: a file for each device number, locked for as long as its holder runs, with a socket beside it. A
 * holder that waits for a device to come back has a file with its own process id in the name instead.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, runtimeDirectory } from '../host/directories.js';
import { tryLock } from '../host/locks.js';

/** What the file of a claim says. */
export interface ClaimRecord {
  readonly pid: number;
  /** As the holder was given it. */
  readonly path: string;
  readonly state: 'held' | 'waiting';
}

/** A name that this process alone has. */
export interface Claim {
  readonly socket: string;
  release(): void;
}

const SOCKET = '.socket';

/** The names of machines cannot begin with a dot. */
function directory(): string {
  return join(runtimeDirectory(), '.serial');
}

/** Where the holder of a device listens, if there is one. */
export function socketOf(name: string): string {
  return join(directory(), name + SOCKET);
}

const pause = new Int32Array(new SharedArrayBuffer(4));
const ATTEMPTS = 20;
const INTERVAL = 10;

/**
 * Takes a name.
 *
 * @returns the claim, or what the one who has it says of itself
 * @throws SetupError where the runtime directory cannot be used
 */
export function claim(name: string, record: ClaimRecord): Claim | Partial<ClaimRecord> {
  makePrivateDirectory(runtimeDirectory(), 'Set LUO_RUNTIME_DIR to a directory that you can write');
  for (let attempt = 1; ; attempt++) {
    const taken = tryClaim(name, record);
    if (taken !== undefined) return taken;
    // Somebody may just look whether it is locked.
    if (attempt === ATTEMPTS) return recordAt(join(directory(), name)) ?? {};
    Atomics.wait(pause, 0, 0, INTERVAL);
  }
}

function tryClaim(name: string, record: ClaimRecord): Claim | undefined {
  const path = join(directory(), name);
  const file = openClaim(path);
  if (file === undefined) return undefined;
  // The last holder may have removed it since.
  if (!tryLock(file) || statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(file).ino) {
    closeSync(file);
    return undefined;
  }
  ftruncateSync(file);
  writeSync(file, JSON.stringify(record));
  rmSync(path + SOCKET, { force: true });
  return { socket: path + SOCKET, release: () => remove(path, file) };
}

/** Undefined where the last holder of another port has just removed the directory. */
function openClaim(path: string): number | undefined {
  mkdirSync(directory(), { recursive: true, mode: 0o700 });
  try {
    return openSync(path, 'a+', 0o600);
  } catch (error) {
    // Errors of Node's file functions carry a code.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function remove(path: string, file: number): void {
  rmSync(path + SOCKET, { force: true });
  rmSync(path, { force: true });
  closeSync(file);
  try {
    rmdirSync(directory());
  } catch {
    // Other ports are held.
  }
}

/** All claims, by name. What killed holders have left is removed. */
export function claims(): ReadonlyMap<string, ClaimRecord> {
  const found = new Map<string, ClaimRecord>();
  const names = existsSync(directory()) ? readdirSync(directory()) : [];
  for (const name of names.filter((one) => !one.endsWith(SOCKET))) {
    const path = join(directory(), name);
    if (removeIfFree(path)) continue;
    const record = recordAt(path);
    if (record?.pid !== undefined) found.set(name, record);
  }
  return found;
}

function removeIfFree(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch {
    return true;
  }
  if (tryLock(file)) {
    remove(path, file);
    return true;
  }
  closeSync(file);
  return false;
}

/** Undefined where it is gone, or not yet written. */
function recordAt(path: string): ClaimRecord | undefined {
  try {
    // Only holders write here.
    return JSON.parse(readFileSync(path, 'utf8')) as ClaimRecord;
  } catch {
    return undefined;
  }
}
