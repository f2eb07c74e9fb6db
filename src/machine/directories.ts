/** Where machines have their files. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export { makePrivateDirectory, runtimeDirectory, SetupError } from '../host/directories.js';

/** The file in a machine's directory that stands for the device. */
export const PLACEHOLDER = 'liveupdate';

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
