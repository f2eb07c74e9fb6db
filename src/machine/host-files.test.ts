import { deepEqual, equal, notEqual, throws } from 'node:assert/strict';
import { constants, fchmodSync, ftruncateSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  addSeals,
  close,
  createMemory,
  duplicate,
  open,
  pipe,
  readBytes,
  seek,
  socketPair,
  statDescriptor,
  writeBytes,
} from '../host/descriptors.js';
import { descriptorLimits, setDescriptorLimit } from '../host/processes.js';
import { KernelError } from '../kernel/error.js';
import type { Descriptor } from '../kernel/hardware.js';
import {
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from '../uapi/fcntl.js';
import { HostFiles, inodeKey, isUnnamedMemory } from './host-files.js';

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

test('isSameFile() tells copies of a descriptor from another open of the inode, and the ends of a pipe apart', () => {
  const memory = sparse();
  const [copy, again, [reading, writing]] = [duplicate(memory), files.reopen(memory, 0n), pipe()] as const;
  // A descriptor of the kernel's is a number of this process's own table.
  const same = (one: number, other: number) => files.isSameFile(one as Descriptor, other as Descriptor);
  deepEqual([same(memory, copy), same(memory, again), same(reading, writing)], [true, false, false]);
  for (const fd of [memory, copy, again, reading, writing]) close(fd);
});

test('isSameFile() goes by the inode for sockets, and says no for others, where Linux does not tell', () => {
  const [[reading, writing], sockets] = [pipe(), socketPair()];
  // Linux tells nothing of a descriptor that is not open.
  const isTold = (fd: number) => files.isSameFile(fd as Descriptor, -1 as Descriptor);
  deepEqual([isTold(sockets[0]), isTold(reading)], [true, false]);
  for (const fd of [reading, writing, ...sockets]) close(fd);
});

test('status() tells the type of a file, and what is memory without a name', () => {
  const memory = sparse();
  const [[reading, writing], sockets, regular] = [
    pipe(),
    socketPair(),
    open(process.execPath, constants.O_RDONLY),
  ] as const;
  const fds = [memory, reading, sockets[0], regular];
  // As above.
  deepEqual(
    fds.map((fd) => files.status(fd as Descriptor).type),
    ['regular', 'pipe', 'socket', 'regular'],
  );
  deepEqual(fds.map(isUnnamedMemory), [true, false, false, false]);
  for (const fd of [...fds, writing, sockets[1]]) close(fd);
});

test('status() tells the permissions', () => {
  const memory = sparse();
  fchmodSync(memory, 0o640);
  equal(files.status(memory).permissions, 0o640);
  close(memory);
});

test('copy() gives a new file with the same bytes and holes, at a position of its own, mode 0777', () => {
  const memory = sparse();
  fchmodSync(memory, 0o200);
  const copy = files.copy(memory, { size: BigInt(16 * PAGE), position: 77n, seals: 0 });
  notEqual(files.status(copy).inode, files.status(memory).inode);
  deepEqual(readBytes(copy, 16 * PAGE, 0n), readBytes(memory, 16 * PAGE, 0n));
  deepEqual(files.dataExtents(copy, 16 * PAGE), files.dataExtents(memory, 16 * PAGE));
  equal(files.position(copy), 77n);
  equal(files.position(memory), 0n);
  const { permissions, links, size } = files.status(copy);
  deepEqual({ permissions, links, size }, { permissions: 0o777, links: 0, size: BigInt(16 * PAGE) });
  writeBytes(copy, Buffer.from('z'), 0n);
  equal(readBytes(memory, 1, 0n)[0], 'x'.charCodeAt(0));
  for (const fd of [memory, copy]) files.close(fd);
});

test('copy() has the size that it was given, whatever the file has become', () => {
  const memory = sparse();
  for (const size of [0, 1, PAGE, 8 * PAGE + 3, 20 * PAGE]) {
    const copy = files.copy(memory, { size: BigInt(size), position: 0n, seals: 0 });
    equal(files.status(copy).size, BigInt(size));
    deepEqual(Buffer.from(readBytes(copy, size, 0n)), contentOf(memory, size));
    files.close(copy);
  }
  close(memory);
});

test('copy() sets the seals, and those of the original are not there', () => {
  const memory = sparse();
  addSeals(memory, F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
  const sealed = (seals: number) => {
    const copy = files.copy(memory, { size: 10n, position: 0n, seals });
    const found = files.seals(copy);
    close(copy);
    return found;
  };
  equal(sealed(0), 0);
  equal(sealed(F_SEAL_GROW), F_SEAL_GROW);
  equal(sealed(F_SEAL_WRITE | F_SEAL_SEAL), F_SEAL_WRITE | F_SEAL_SEAL);
  close(memory);
});

test('copy() with the exec seal seals the file against writing, too', { skip: noExecSeal() }, () => {
  const memory = sparse();
  const copy = files.copy(memory, { size: 10n, position: 0n, seals: F_SEAL_EXEC });
  equal(files.seals(copy), F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
  equal(files.status(copy).permissions, 0o777);
  for (const fd of [memory, copy]) close(fd);
});

test('copy() copies a file that can only be written through its descriptor', () => {
  const memory = sparse();
  const writable = open(`/proc/self/fd/${memory}`, constants.O_WRONLY) as Descriptor;
  const copy = files.copy(writable, { size: 1n, position: 0n, seals: 0 });
  equal(readBytes(copy, 1, 0n)[0], 'x'.charCodeAt(0));
  for (const fd of [memory, writable, copy]) close(fd);
});

test('copy() that the host refuses is EIO, and leaves no descriptor', () => {
  const memory = sparse();
  const before = readdirSync('/proc/self/fd').length;
  const unknown = 0x4000;
  refused('EIO', () => files.copy(memory, { size: 10n, position: 0n, seals: unknown }));
  refused('EIO', () => files.copy(memory, { size: -1n, position: 0n, seals: 0 }));
  refused('EIO', () => files.copy(memory, { size: 10n, position: -1n, seals: 0 }));
  equal(readdirSync('/proc/self/fd').length, before);
  close(memory);
});

test('reopen() and copy() without room for a descriptor are ENFILE, and leave none', () => {
  const memory = sparse();
  const { soft } = descriptorLimits(0) ?? { soft: 0n };
  const before = readdirSync('/proc/self/fd').length;
  // The copy needs two: with room for one it fails half-way.
  for (const room of [0, 1]) {
    const highest = createMemory('highest', false);
    close(highest);
    setDescriptorLimit(BigInt(highest + room));
    try {
      refused('ENFILE', () => files.copy(memory, { size: 10n, position: 0n, seals: 0 }));
      if (room === 0) refused('ENFILE', () => files.reopen(memory, 0n));
    } finally {
      setDescriptorLimit(soft);
    }
  }
  equal(readdirSync('/proc/self/fd').length, before);
  close(memory);
});

function refused(code: string, action: () => unknown): void {
  throws(action, (error) => error instanceof KernelError && error.code === code);
}

/** The first `size` bytes, with zeros where the file has no more. */
function contentOf(fd: number, size: number): Buffer {
  return Buffer.concat([readBytes(fd, size, 0n), Buffer.alloc(size)]).subarray(0, size);
}

function noExecSeal(): string | false {
  const memory = createMemory('probe', true);
  try {
    addSeals(memory, F_SEAL_EXEC);
    return false;
  } catch {
    return 'this kernel has no exec seal';
  } finally {
    close(memory);
  }
}
