import { openSync } from 'node:fs';
import { openFlags } from '../../uapi/fcntl.js';

export { openPty, type Pty } from '../../host/pty.js';

const { O_RDWR, O_NOCTTY, O_NONBLOCK } = openFlags(process.arch);

/** Opens a terminal as any program does. @throws NodeJS.ErrnoException */
export function openTerminal(path: string): number {
  return openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
}
