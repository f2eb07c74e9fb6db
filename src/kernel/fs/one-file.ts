import type { File, FileTable } from './file.js';

/** The table of no program, in which one file is open. */
export function openAt(get: () => File): FileTable {
  const refuse = () => {
    throw new Error('Cannot install a descriptor: there is no program');
  };
  return { get, hasRoom: () => false, install: refuse };
}
