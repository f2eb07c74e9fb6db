import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_SEALS, F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL, F_SEAL_WRITE } from '../../uapi/fcntl.js';
import { refused } from '../testing/expect.js';
import { FakeHost } from '../testing/fake-host.js';
import { ShmemInodes } from './shmem.js';

function frozen({ allowsResizeToSameSize = true, seals = 0 } = {}) {
  const host = new FakeHost();
  const descriptor = host.file({ size: 1000, seals });
  const inodes = new ShmemInodes(host, { allowsResizeToSameSize });
  inodes.freeze('i');
  inodes.pin('i', descriptor);
  return { inodes, descriptor };
}

test('a frozen file cannot grow or shrink, and can be resized to its own size', () => {
  const { inodes } = frozen();
  refused('EPERM', () => inodes.checkResize('i', 32768n, 32769n));
  refused('EPERM', () => inodes.checkResize('i', 32768n, 32767n));
  inodes.checkResize('i', 32768n, 32768n);
  inodes.checkResize('another', 1n, 2n);
});

test('v5: a frozen file cannot even be resized to its own size', () => {
  const { inodes } = frozen({ allowsResizeToSameSize: false });
  refused('EPERM', () => inodes.checkResize('i', 0n, 0n));
});

test('no page of a frozen file can be allocated or freed', () => {
  const { inodes } = frozen();
  refused('EPERM', () => inodes.checkFallocate('i'));
  inodes.checkFallocate('another');
});

test('a write to a frozen file goes through up to the last page that ends inside', () => {
  const { inodes } = frozen();
  const eight = 8n * 4096n;
  equal(inodes.writableBytes('i', 50n, 100n, eight), 100n, 'inside');
  equal(inodes.writableBytes('i', eight, 1n, eight), 0n, 'at the end');
  equal(inodes.writableBytes('i', eight - 4096n, 8192n, eight), 4096n, 'over the end at a page');
  equal(inodes.writableBytes('i', eight - 4096n, 4196n, eight), 4096n, 'over the end with a vector');
  equal(inodes.writableBytes('i', 950n, 100n, 1000n), 0n, 'over the end in a page');
  equal(inodes.writableBytes('i', 0n, 1n, 0n), 0n, 'empty');
  equal(inodes.writableBytes('i', 10n, 8192n, 4097n), 4086n, 'from inside a page');
  equal(inodes.writableBytes('i', eight, 0n, eight), 0n, 'nothing');
  equal(inodes.writableBytes('another', eight, 5n, eight), 5n, 'not frozen');
});

test('a pinned file cannot be sealed against writing', () => {
  const { inodes } = frozen();
  refused('EBUSY', () => inodes.checkAddSeals('i', F_SEAL_WRITE, false));
  refused('EBUSY', () => inodes.checkAddSeals('i', F_SEAL_EXEC, true));
  inodes.checkAddSeals('i', F_SEAL_EXEC, false);
  inodes.checkAddSeals('i', F_SEAL_SEAL | F_SEAL_FUTURE_WRITE, true);
  inodes.checkAddSeals('another', ALL_SEALS, true);
});

test('a pinned file that is sealed against writing already can be sealed again', () => {
  const { inodes } = frozen({ seals: F_SEAL_WRITE });
  inodes.checkAddSeals('i', F_SEAL_WRITE, true);
});

test('an inode is forgotten once it is neither frozen nor pinned', () => {
  const { inodes, descriptor } = frozen();
  equal(inodes.anyFrozen, true);
  inodes.unfreeze('i');
  equal(inodes.anyFrozen, false);
  deepEqual([...inodes.known], ['i']);
  inodes.unpin('i', descriptor);
  deepEqual([...inodes.known], []);
});
