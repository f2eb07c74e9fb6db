import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

async function lines(...options: string[]): Promise<string[]> {
  await using luo = new Luo();
  const { stdout } = await luo.run(['run', ...options, '--', compile('test/programs/profile.c')]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim());
}

test('a program that was built against the header of the v5 series runs on Linux 7.3, and finds its abilities', async () => {
  deepEqual(await lines(), ['create-64 0', 'name-of-63 0', 'get-name 0', 'preserved 200']);
});

test('--abi v5 has the limits of the v5 series', async () => {
  deepEqual(await lines('--abi', 'v5'), [
    'create-64 0',
    // 72 bytes are taken only where the last 8 of them are 0.
    'name-of-63 E2BIG',
    'get-name EINVAL',
    'preserved 128 ENOSPC',
  ]);
});
