import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

for (const profile of ['linux', 'v5']) {
  const extended = ['--abi', profile, '--extend'];
  testCase(`luo's own ioctls are EINVAL without --extend: ${profile}`, 'extensions', 'absent', ['--abi', profile]);
  testCase(`luo's own ioctls belong to one kind of descriptor each: ${profile}`, 'extensions', 'elsewhere', extended);

  for (const [title, name, last] of [
    ['a file that was let go of is as if it had never been preserved', 'unpreserve', 'found the rest'],
    ['the states of a session follow its events, and the live update', 'states', 'normal again'],
  ] as const) {
    test(`${title}: ${profile}`, { skip }, async () => {
      await using luo = new Luo();
      const program = compile('test/programs/extensions.c');
      const { code, stdout, stderr } = await luo.run(['run', ...extended, '--', program, name]);
      assert.deepEqual([code, stdout], [0, `${last}\n`]);
      assert.match(stderr, /^luo: kexec: generation 2, 1 session, 2 files, [^\n]*\n$/);
    });
  }
}
