/** Where the running things of luo find each other, and what a person is told who has to change something. */
import { mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The socket in the directory of a machine over which it is spoken to. */
export const CONTROL_SOCKET = 'control.sock';

/** Something about this computer, or about what was asked, that the person can change. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/**
 * The directory of all that luo runs for this user: `$LUO_RUNTIME_DIR`, else in `$XDG_RUNTIME_DIR`, else in `/run` for
 * root, else in the directory for temporary files.
 */
export function runtimeDirectory(): string {
  const { LUO_RUNTIME_DIR, XDG_RUNTIME_DIR } = process.env;
  if (LUO_RUNTIME_DIR !== undefined && LUO_RUNTIME_DIR !== '') return resolve(LUO_RUNTIME_DIR);
  if (XDG_RUNTIME_DIR !== undefined && XDG_RUNTIME_DIR !== '') return join(XDG_RUNTIME_DIR, 'luo');
  const user = process.getuid?.() ?? 0;
  return user === 0 ? '/run/luo' : join(tmpdir(), `luo-${user}`);
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
