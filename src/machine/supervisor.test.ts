import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { eventually, isAlive, Luo } from '../testing/luo.js';
import { statusOf } from '../testing/status.js';

const PROCESSES = 9;

test('programs of a machine that is killed end, and never see a call that nobody answers', { skip }, async () => {
  for (let round = 0; round < 2; round++) {
    await using luo = new Luo();
    const running = luo.start(['run', '--name', 'killed', '--', compile('test/programs/orphans.c')]);
    const pids = await eventually('all processes run', () => {
      const found = [...running.stdout.matchAll(/^process (\d+)$/gm)].map(([, pid]) => Number(pid));
      return found.length === PROCESSES ? found : undefined;
    });
    process.kill((await statusOf(luo)).pid, 'SIGKILL');
    const { code, stdout, stderr } = await running.result;
    assert.equal(code, 137);
    assert.match(stderr, /^luo: Machine "killed" was ended by force \(SIGKILL\); its programs have been ended too$/m);
    assert.doesNotMatch(stdout, /unanswered/);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(luo.machines(), []);
  }
});

test('programs of a machine whose keeper is killed end with it', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--', compile('test/programs/orphans.c')]);
  const pids = await eventually('all processes run', () => {
    const found = [...running.stdout.matchAll(/^process (\d+)$/gm)].map(([, pid]) => Number(pid));
    return found.length === PROCESSES ? found : undefined;
  });
  const { pid } = await statusOf(luo);
  running.child.kill('SIGKILL');
  await eventually('nothing of the machine is left', () => ([pid, ...pids].some(isAlive) ? undefined : true));
  assert.doesNotMatch(running.stdout, /unanswered/);
});
