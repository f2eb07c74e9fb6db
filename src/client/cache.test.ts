import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo } from '../testing/luo.js';

const cache = fileURLToPath(new URL('../../examples/cache.mjs', import.meta.url));

test('the example cache is warm after an update, and starts anew at another size', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'cache', '--', process.execPath, cache, '4']);
  await running.says(/^cold: opened 4 MiB in .*\n0 hits, 1024 misses in .*\nall values: ([0-9a-f]{16})$/m);
  assert.equal((await luo.run(['kexec', 'cache'])).code, 0);
  await running.says(/^all values: (?<sum>[0-9a-f]{16})\nwarm: .*\n1024 hits, 0 misses in .*\nall values: \k<sum>$/m);
  assert.equal((await luo.run(['kexec', 'cache', '--', process.execPath, cache, '2'])).code, 0);
  await running.says(/^warm: opened 2 MiB in .*\n0 hits, 512 misses /m);
  assert.equal((await luo.run(['stop', 'cache'])).code, 0);
  await luo.nothingIsLeft();
});
