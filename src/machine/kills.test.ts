import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';
import { statusOf } from '../testing/status.js';

test('processes that are killed in the middle of calls leave nothing behind', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--', compile('test/programs/kills.c'), 'processes']);
  await running.says(/^begun$/m);
  const before = descriptorsOf((await statusOf(luo)).pid);
  running.child.kill('SIGUSR1');
  await running.says(/^killed$/m);
  const { pid, sessions, files, processes, bytes } = await statusOf(luo);
  assert.deepEqual({ sessions, files, processes, bytes }, { sessions: 0, files: 0, processes: 1, bytes: '0' });
  // The connection of `luo ps` may not be closed yet.
  await eventually('the machine has no more descriptors than before', () => descriptorsOf(pid) <= before || undefined);
  assert.equal(running.stderr, '');
});

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

testCase(
  'threads that end in the middle of calls, as another one executes a program, leave nothing behind',
  'kills',
  'execute',
);
