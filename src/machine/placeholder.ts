import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { statPath } from '../host/descriptors.js';
import { inodeKey } from './host-files.js';

/** An empty file that stands for the device in programs that open it for its path only. */
export interface Placeholder {
  readonly path: string;
  readonly inode: string;
}

/** @throws Error where the directory cannot be written */
export function createPlaceholder(directory: string): Placeholder {
  const path = join(directory, 'liveupdate');
  writeFileSync(path, '', { mode: 0o600 });
  const status = statPath(path);
  if (typeof status === 'number') throw new Error(`Cannot look at ${path}: error ${-status}`);
  return { path, inode: inodeKey(status.device, status.inode) };
}
