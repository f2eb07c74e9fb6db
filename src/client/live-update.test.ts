import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo } from '../testing/luo.js';
import { LiveUpdateError } from './error.js';
import { LiveUpdate } from './live-update.js';

const programs = fileURLToPath(new URL('../../test/programs/', import.meta.url));

for (const profile of ['linux', 'v5']) {
  test(`--abi ${profile}: sessions and files pass by the library, and it says what is refused and why`, async () => {
    await using luo = new Luo();
    const agent = [process.execPath, join(programs, 'client-calls.mjs'), profile];
    const running = luo.start(['run', '--abi', profile, '--name', 'a', '--', ...agent]);
    await running.says(/^first done$/m);
    assert.equal((await luo.run(['kexec', 'a'])).code, 0);
    await running.says(/^second done$/m);
    assert.deepEqual(await running.result.then(({ code, stderr }) => ({ code, errors: /Error/.test(stderr) })), {
      code: 0,
      errors: false,
    });
    await luo.nothingIsLeft();
  });
}

test('a program that ends without closing anything leaves nothing', async () => {
  await using luo = new Luo();
  const leave = `'${process.execPath}' '${join(programs, 'client-leave.mjs')}'`;
  const { code, stdout, stderr } = await luo.run(['run', '--', 'sh', '-c', `${leave} && ${leave}`]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'left\nleft\n', stderr: '' });
  await luo.nothingIsLeft();
});

const noDevice = existsSync('/dev/liveupdate') && 'this system has the device';

test('where there is no device, open() says what it needs', { skip: noDevice }, () => {
  assert.throws(
    () => LiveUpdate.open(),
    (error) =>
      error instanceof LiveUpdateError &&
      error.code === 'ENOENT' &&
      error.errno === 2 &&
      /^Cannot open \/dev\/liveupdate: ENOENT: .*6\.19.*CONFIG_LIVEUPDATE.*liveupdate=on.*"luo run"$/.test(
        error.message,
      ),
  );
});
