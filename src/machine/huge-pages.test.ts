import { deepEqual } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hugePagePools } from './huge-pages.js';

test('hugePagePools() reads each pool, the smallest pages first', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'luo-pools-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, counts] of [
    ['hugepages-1048576kB', { nr: 1, free: 0, resv: 0, surplus: 0 }],
    ['hugepages-2048kB', { nr: 9, free: 5, resv: 2, surplus: 1 }],
  ] as const) {
    mkdirSync(join(directory, name));
    for (const [of, count] of Object.entries(counts)) {
      writeFileSync(join(directory, name, `${of}_hugepages`), `${count}\n`);
    }
  }
  mkdirSync(join(directory, 'something-else'));
  deepEqual(hugePagePools(directory), [
    { pageSize: 2 ** 21, total: 9, free: 5, reserved: 2, surplus: 1 },
    { pageSize: 2 ** 30, total: 1, free: 0, reserved: 0, surplus: 0 },
  ]);
});

test('hugePagePools() finds none where sysfs is not mounted', () => {
  deepEqual(hugePagePools('/nonexistent'), []);
});
