import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase('a session and the device can be passed to a process that never opened anything', 'descriptors', 'passed');
testCase('a descriptor in flight holds its session, and one that is dropped lets go of it', 'descriptors', 'in-flight');
testCase('a session that 100 processes hold ends exactly with the last of them', 'descriptors', 'held');
testCase('copies of a descriptor are the same session, until the last is closed', 'descriptors', 'copied');
testCase('a session survives execve where the program wants it to, and ends there otherwise', 'descriptors', 'exec');
testCase('what is closed is over before the next call', 'descriptors', 'reopened');
testCase('commands on the wrong descriptor are refused as the kernel does', 'descriptors', 'not-of-luo');
testCase('a structure that cannot be read or written is EFAULT, and leaves nothing', 'descriptors', 'addresses');

test('what a program has no room or memory for can be retrieved later', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/descriptors.c');
  const running = luo.start(['run', '--name', 'm', '--', program, 'preserve']);
  await running.says(/^preserved$/m);
  assert.equal((await luo.run(['kexec', 'm', '--', program, 'retrieve'])).code, 0);
  const { code, stdout, stderr } = await running.result;
  assert.match(stdout, /^retrieved$/m, stderr);
  assert.equal(code, 0, stderr);
});
