import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Luo } from '../testing/luo.js';

const foreground = 'Cannot show the log of machine "a": it runs in the foreground and has none.';

test('luo logs of a machine in the foreground says that there is none, and where an older one is', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec sleep 1000']);
  await running.says(/^here$/m);
  const none = await luo.run(['logs', 'a']);
  assert.deepEqual([none.code, none.stdout], [125, '']);
  assert.equal(none.stderr, `luo: ${foreground} Its output is where luo run was started\n`);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);

  assert.equal((await luo.run(['run', '-d', '--name', 'a', 'echo', 'earlier'])).code, 0);
  await luo.nothingIsLeft();
  const again = luo.start(['run', '--name', 'a', 'sh', '-c', 'echo here; exec sleep 1000']);
  await again.says(/^here$/m);
  const older = await luo.run(['logs', '--follow', 'a']);
  assert.deepEqual([older.code, older.stdout], [125, '']);
  const path = join(luo.directory, 'state', 'luo', 'a.log');
  assert.match(
    older.stderr,
    new RegExp(`: it runs in the foreground .*An earlier machine .* has left a log at ${path}`),
  );
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  assert.equal((await luo.run(['logs', 'a'])).stdout, 'earlier\n', 'the last log, once nothing of that name runs');
});

test('luo logs shows the log of a machine that does not answer', async () => {
  await using luo = new Luo();
  assert.equal((await luo.run(['run', '-d', '--name', 'a', 'sh', '-c', 'echo said; exec sleep 1000'])).code, 0);
  await luo.logMatches('a', /^said$/m);
  const [{ pid }] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [{ pid: number }];
  process.kill(pid, 'SIGSTOP');
  try {
    const { code, stdout, stderr } = await luo.run(['logs', 'a']);
    assert.deepEqual([code, stdout], [0, 'said\n']);
    assert.match(
      stderr,
      /^luo: Cannot reach machine "a": it does not answer\. It may be stopped, or be in a kernel module that never returns\n$/,
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});
