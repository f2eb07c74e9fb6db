import { equal, throws } from 'node:assert/strict';
import { constants } from 'node:fs';
import { test } from 'node:test';
import { openFlags } from './fcntl.js';

test('openFlags() agrees with Node on the architecture that this runs on', () => {
  const flags = openFlags(process.arch);
  for (const name of ['O_CREAT', 'O_TRUNC', 'O_APPEND', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_DIRECT', 'O_SYNC'] as const) {
    equal(flags[name], constants[name], name);
  }
});

test('openFlags() knows that arm64 has four flags in another order', () => {
  equal(openFlags('arm64').O_DIRECTORY, 0o40000);
  equal(openFlags('arm64').O_NOFOLLOW, 0o100000);
  equal(openFlags('arm64').O_DIRECT, 0o200000);
  equal(openFlags('arm64').O_LARGEFILE, 0o400000);
});

test('openFlags() says which architecture it does not know', () => {
  throws(() => openFlags('s390x'), /"s390x": luo knows x64 and arm64/);
});
