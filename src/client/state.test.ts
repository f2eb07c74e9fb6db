import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo } from '../testing/luo.js';

const program = (name: string) => fileURLToPath(new URL(join('../../test/programs', name), import.meta.url));

for (const profile of ['linux', 'v5']) {
  test(`--abi ${profile}: a state is found by each generation, with all that the last one made of it`, async () => {
    await using luo = new Luo();
    const agent = [process.execPath, program('client-state.mjs'), profile];
    const running = luo.start(['run', '--abi', profile, '--name', 'a', '--', ...agent]);
    for (const generation of [1, 2]) {
      await running.says(new RegExp(`^generation ${generation} done$`, 'm'));
      const { code, stderr } = await luo.run(['kexec', 'a']);
      assert.equal(code, 0, stderr);
    }
    const { code, stderr } = await running.result;
    assert.equal(code, 0, stderr);
    await luo.nothingIsLeft();
  });

  test(`--abi ${profile}: a state that cannot be read is an error that has all of it`, async () => {
    await using luo = new Luo();
    // Few descriptors, so that they run out.
    const agent = [
      'sh',
      '-c',
      `ulimit -n 256; exec '${process.execPath}' '${program('client-broken-state.mjs')}' large`,
    ];
    const running = luo.start(['run', '--abi', profile, '--name', 'a', '--', ...agent]);
    await running.says(/^first done$/m);
    assert.equal((await luo.run(['kexec', 'a'])).code, 0);
    await running.says(/^second done$/m);
    const { code, stderr } = await running.result;
    assert.equal(code, 0, stderr);
    await luo.nothingIsLeft();
  });
}

test('an update in the middle of anything finds a whole state', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', '--', process.execPath, program('client-busy-state.mjs')]);
  for (let generation = 1; generation <= 4; generation++) {
    await running.says(new RegExp(`^busy ${generation}$`, 'm'));
    const { code, stderr } = await luo.run(['kexec', 'a']);
    assert.equal(code, 0, stderr);
  }
  const { code, stderr } = await running.result;
  assert.equal(code, 0, stderr);
  await luo.nothingIsLeft();
});

test('a state that cannot be preserved anew, as with another buffer, is preserved as it was', async () => {
  await using luo = new Luo();
  const agent = ['sh', '-c', `ulimit -n 64; exec '${process.execPath}' '${program('client-scarce-state.mjs')}'`];
  const fault = 'create_session:session=refused:nth=2:errno=ENOMEM';
  const { code, stderr } = await luo.run(['run', '--inject', fault, '--', ...agent]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /never struck/);
  await luo.nothingIsLeft();
});
