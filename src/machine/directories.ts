/** Where machines have their files. */
import { mkdirSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The file in a machine's directory that stands for the device. */
export const PLACEHOLDER = 'liveupdate';

/** Something about this computer, or about what was asked, that the person can change. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/**
 * The directory of all running machines of this user: `$LUO_RUNTIME_DIR`, else in `$XDG_RUNTIME_DIR`, else in `/run`
 * for root, else in the directory for temporary files.
 */
export function runtimeDirectory(): string {
  const { LUO_RUNTIME_DIR, XDG_RUNTIME_DIR } = process.env;
  if (LUO_RUNTIME_DIR !== undefined && LUO_RUNTIME_DIR !== '') return resolve(LUO_RUNTIME_DIR);
  if (XDG_RUNTIME_DIR !== undefined && XDG_RUNTIME_DIR !== '') return join(XDG_RUNTIME_DIR, 'luo');
  const user = process.getuid?.() ?? 0;
  return user === 0 ? '/run/luo' : join(tmpdir(), `luo-${user}`);
}

/** The directory of the logs of detached machines, which outlive them. */
export function logDirectory(): string {
  const { XDG_STATE_HOME } = process.env;
  const state =
    XDG_STATE_HOME !== undefined && XDG_STATE_HOME !== '' ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
  return join(state, 'luo');
}

/** The log of the machine of that name, the last one if it has ended. */
export function logFile(name: string): string {
  return join(logDirectory(), `${name}.log`);
}

/**
 * Makes a directory that only this user may use.
 *
 * @throws SetupError where that cannot be done, or the directory is somebody else's
 */
export function makePrivateDirectory(path: string, remedy: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid } = statSync(path);
    if (uid !== process.getuid?.()) throw new Error('it belongs to another user');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`Cannot use the directory ${path}: ${reason}. ${remedy}`);
  }
}
