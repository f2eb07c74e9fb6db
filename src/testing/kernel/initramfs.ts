import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** What an initramfs holds, by absolute path: bytes, or the path of a file to copy. */
export type Files = ReadonlyMap<string, Uint8Array | string>;

/**
 * Writes what Linux unpacks as its first root: an archive of cpio's "newc" format, not compressed. Files keep their
 * mode and belong to root; what is given as bytes is not executable. Directories need not be listed.
 *
 * @throws Error where a file cannot be read, or has 4 GiB or more
 */
export function writeInitramfs(path: string, files: Files): void {
  const archive = openSync(path, 'w');
  try {
    let inode = 1;
    const add = (name: string, mode: number, bytes: Uint8Array = new Uint8Array(0)): void => {
      write(archive, Buffer.from(header(inode++, mode, bytes.length, name), 'latin1'));
      write(archive, bytes);
      write(archive, Buffer.alloc(padding(bytes.length)));
    };
    for (const name of directoriesOf(files.keys())) add(name.slice(1), 0o40755);
    for (const [name, source] of files) {
      const [mode, bytes] =
        typeof source === 'string' ? [statSync(source).mode, readFileSync(source)] : [0o644, source];
      add(name.slice(1), 0o100000 | (mode & 0o777), bytes);
    }
    add('TRAILER!!!', 0);
  } finally {
    closeSync(archive);
  }
}

/** Each directory that a file is in, after the one that it is in itself. */
function directoriesOf(names: Iterable<string>): Set<string> {
  const found = new Set<string>();
  const add = (directory: string): void => {
    if (directory === '/' || found.has(directory)) return;
    add(dirname(directory));
    found.add(directory);
  };
  for (const name of names) add(dirname(name));
  return found;
}

/** What stands before the bytes of a file: 13 numbers in hexadecimal and the name, up to a multiple of 4 bytes. */
function header(inode: number, mode: number, size: number, name: string): string {
  const bytes = Buffer.from(`${name}\0`).toString('latin1');
  const [links, owner, group, time, device, check] = [1, 0, 0, 0, 0, 0];
  const fields = [inode, mode, links, owner, group, time, size, device, device, device, device, bytes.length, check];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${bytes}`;
  return text + '\0'.repeat(padding(text.length));
}

function padding(length: number): number {
  return -length & 3;
}

/** One call may write less. */
function write(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
