import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testCase } from '../testing/cases.js';
import { Luo, luoCommand } from '../testing/luo.js';

testCase("a filter of the program's own that is stricter than luo's comes first", 'filters', 'own-filter');
testCase('a program that wants to watch calls itself is told that somebody does already', 'filters', 'own-listener');
testCase('programs run with no_new_privs', 'filters', 'no-new-privileges');

test('luo in luo is refused with a sentence that says why, and leaves nothing', async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', '--', ...luoCommand, 'run', '--', 'echo', 'never']);
  assert.equal(code, 125);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /^luo: Cannot watch the system calls of a program: .*already \(EBUSY\).*luo cannot run inside luo/m,
  );
  assert.deepEqual(luo.machines(), []);
});
