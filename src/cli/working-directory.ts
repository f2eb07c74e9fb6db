import { SetupError } from '../machine/directories.js';

/** @throws SetupError where it has been removed */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw new SetupError(
      'Cannot run a command here: the working directory has been removed. Change to one that exists',
    );
  }
}
