import { writeSync } from 'node:fs';
import { close, createMemory, open } from '../host/descriptors.js';
import { openFlags } from '../uapi/fcntl.js';

/** A descriptor that reads a text, and cannot be written. */
export function virtualFile(text: string): number {
  const memory = createMemory('luo', false);
  try {
    writeSync(memory, text);
    return open(`/proc/self/fd/${memory}`, openFlags(process.arch).O_RDONLY);
  } finally {
    close(memory);
  }
}
