import { deepEqual, equal } from 'node:assert/strict';
import { ftruncateSync } from 'node:fs';
import { test } from 'node:test';
import { close, createMemory, seek, statDescriptor, writeBytes } from '../host/descriptors.js';
import type { Descriptor } from '../kernel/hardware.js';
import { HostFiles, inodeKey } from './host-files.js';

const PAGE = 4096;
const SEEK_SET = 0;
const SEEK_CUR = 1;

/** A memfd with a page of data at 0 and two at 8, and 16 pages long. */
function sparse(): Descriptor {
  const fd = createMemory('sparse', true);
  ftruncateSync(fd, 16 * PAGE);
  writeBytes(fd, Buffer.from('x'), 0n);
  writeBytes(fd, Buffer.alloc(PAGE + 1, 'y'), BigInt(8 * PAGE));
  // A descriptor of the kernel's is a number of this process's own table.
  return fd as Descriptor;
}

const files = new HostFiles();

test('dataExtents() finds what has pages, and leaves the position of the program alone', () => {
  const memory = sparse();
  seek(memory, 5000, SEEK_SET);
  deepEqual(files.dataExtents(memory, 16 * PAGE), [
    { start: 0, end: PAGE },
    { start: 8 * PAGE, end: 10 * PAGE },
  ]);
  equal(seek(memory, 0, SEEK_CUR), 5000);
  close(memory);
});

test('dataExtents() ends with the size that it was given, however long the file has become', () => {
  const memory = sparse();
  deepEqual(files.dataExtents(memory, 8 * PAGE + 1), [
    { start: 0, end: PAGE },
    { start: 8 * PAGE, end: 9 * PAGE },
  ]);
  deepEqual(files.dataExtents(memory, 4 * PAGE), [{ start: 0, end: PAGE }]);
  deepEqual(files.dataExtents(memory, 0), []);
  close(memory);
});

test('reopen() gives the same memory at another position, and the mode of a new file', () => {
  const memory = sparse();
  const again = files.reopen(memory, 77n);
  equal(files.position(again), 77n);
  equal(files.position(memory), 0n);
  const { device, inode, mode } = statDescriptor(again);
  equal(files.status(memory).inode, inodeKey(device, inode));
  equal(mode & 0o777, 0o777);
  for (const fd of [memory, again]) files.close(fd);
});
