import { deepEqual, equal, notEqual, throws } from 'node:assert/strict';
import { mkdtempSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as host from './descriptors.js';
import { SystemError } from './libc.js';

const TMPFS_MAGIC = 0x01021994;
const SEEK_CUR = 1;
const EBADF = -9;
const ENOENT = -2;

function memory(text: string): number {
  const fd = host.createMemory('test', true);
  host.writeBytes(fd, Buffer.from(text), 0n);
  return fd;
}

test('statPath() and statDescriptor() tell what Node tells', () => {
  const directory = mkdtempSync(join(tmpdir(), 'luo-host-'));
  const path = join(directory, 'file');
  writeFileSync(path, 'content', { mode: 0o640 });
  const expected = statSync(path, { bigint: true });
  const fd = host.open(path, 0);
  for (const status of [host.statPath(path), host.statDescriptor(fd)]) {
    deepEqual(status, {
      device: expected.dev,
      inode: expected.ino,
      mode: Number(expected.mode),
      links: 1,
      size: 7n,
      represents: 0n,
    });
  }
  host.close(fd);
  rmSync(directory, { recursive: true });
  equal(host.statPath(path), ENOENT);
});

test('socketInode() tells sockets apart, and from every other file', () => {
  const [one, other] = host.socketPair();
  const file = memory('text');
  equal(host.socketInode(`/proc/self/fd/${one}`), Number(host.statDescriptor(one).inode));
  notEqual(host.socketInode(`/proc/self/fd/${one}`), host.socketInode(`/proc/self/fd/${other}`));
  equal(host.socketInode(`/proc/self/fd/${file}`), 0);
  equal(host.socketInode('/'), 0);
  for (const fd of [one, other, file]) host.close(fd);
  equal(host.socketInode(`/proc/self/fd/${one}`), 0);
});

test('a memfd is a file of tmpfs without a name, and close-on-exec', () => {
  const fd = memory('text');
  equal(host.fileSystemMagic(fd), TMPFS_MAGIC);
  equal(host.statDescriptor(fd).links, 0);
  equal(readlinkSync(`/proc/self/fd/${fd}`), '/memfd:test (deleted)');
  equal(host.getSeals(fd), 0);
  host.close(fd);
});

test('reopen() gives the same memory with a position of its own', () => {
  const fd = memory('text');
  host.seek(fd, 2, 0);
  const other = host.reopen(fd);
  equal(host.seek(other, 0, SEEK_CUR), 0);
  equal(host.seek(fd, 0, SEEK_CUR), 2);
  host.writeBytes(other, Buffer.from('T'), undefined);
  equal(Buffer.from(host.readBytes(fd, 4, 0n)).toString(), 'Text');
  equal(host.statDescriptor(other).inode, host.statDescriptor(fd).inode);
  host.close(fd);
  host.close(other);
});

test('writeBytes() moves the position only where it was given none, and tells errors by number', () => {
  const fd = memory('');
  equal(host.writeBytes(fd, Buffer.from('abc'), undefined), 3);
  equal(host.writeBytes(fd, Buffer.from('x'), 1n), 1);
  equal(host.seek(fd, 0, SEEK_CUR), 3);
  equal(Buffer.from(host.readBytes(fd, 10, 0n)).toString(), 'axc');
  host.close(fd);
  equal(host.writeBytes(fd, Buffer.from('x'), 0n), EBADF);
});

test('messages keep their borders, and an end of file is an empty one', () => {
  const [ours, theirs] = host.socketPair();
  host.send(ours, 'one');
  host.send(ours, 'zwölf');
  host.close(ours);
  equal(host.receive(theirs), 'one');
  equal(host.receive(theirs), 'zwölf');
  equal(host.receive(theirs), '');
  throws(() => host.send(theirs, 'nobody is there'), SystemError);
  host.close(theirs);
});

test('a message that is too long is refused whole', () => {
  const [ours, theirs] = host.socketPair();
  throws(() => host.send(ours, 'x'.repeat(70_000)), /Cannot send 70000 bytes/);
  host.send(ours, 'fits');
  equal(host.receive(theirs), 'fits');
  host.close(ours);
  host.close(theirs);
});

test('a descriptor that is not open is an error that names the call', () => {
  const fd = memory('');
  host.close(fd);
  throws(() => host.close(fd), { name: 'SystemError', errno: 9, message: `close of ${fd}: error 9` });
  throws(() => host.statDescriptor(fd), { errno: 9 });
  throws(() => host.open('/nowhere/at/all', 0), { errno: 2 });
});

test('renewAttributes() gives a file the mode and times of a new one', () => {
  const fd = memory('text');
  const before = Date.now() - 1000;
  host.renewAttributes(fd);
  const { mode, mtimeMs } = statSync(`/proc/self/fd/${fd}`);
  equal(mode & 0o777, 0o777);
  equal(mtimeMs >= before, true);
  host.close(fd);
});

test('close-on-exec and status flags can be set', () => {
  const [ours, theirs] = host.socketPair();
  const before = host.statusFlags(ours);
  host.setStatusFlags(ours, 0o4000);
  notEqual(host.statusFlags(ours), before);
  host.setCloseOnExec(ours, false);
  host.setCloseOnExec(ours, true);
  host.close(ours);
  host.close(theirs);
});
