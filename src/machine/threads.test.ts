import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase(
  'a thread that does not lead its process opens, preserves and freezes like any other',
  'threads',
  'not-leading',
);
testCase('a thread goes on when the one that led its process has ended', 'threads', 'leader-ended');
testCase(
  'a thread with descriptors of its own preserves its own, and gets new ones of its own',
  'threads',
  'own-descriptors',
);
testCase('many threads at once get each the right answer', 'threads', 'many');

test('a process in a PID namespace of its own is served as any other', { skip }, async (t) => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', '--', compile('test/programs/threads.c'), 'namespace']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  if (stdout !== '') t.skip('this host lets nobody make a PID namespace (look at user.max_pid_namespaces)');
});
