/** `luo test`, where a verdict is easily wrong: who ended what, and whose kexec, line or file it was. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { documentIn, habits, stages } from '../testing/agents.js';
import { skip } from '../testing/cases.js';
import { isAlive, Luo } from '../testing/luo.js';
import { asOrdinaryUser, giveTo } from '../testing/user.js';

test('a program that says that it is ready and fails has failed', { skip }, async () => {
  await using luo = new Luo();
  // The line has no end: it is read when the program is over.
  const stage = ['--stage', `sh -c '${habits()} good save; echo ready; sleep 1000'`];
  const { code, stdout } = await luo.run([
    'test',
    '--until',
    'ready',
    ...stage,
    ...stages('says-ready-and-exits-3').slice(2),
  ]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /✗ Stage 2 exited with 3/);
});

test('what luo says is no line of the program', { skip }, async () => {
  await using luo = new Luo();
  const stage = ['--stage', `sh -c '${habits()} good save; echo ready; sleep 1000'`];
  const args = ['test', '--until', 'ready|kexec', ...stage, ...stages('good').slice(2)];
  const { code, stdout } = await luo.run(args);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /stage 2: [\s\S]*finished 1 session[\s\S]*exited with 0/);
});

test('a kexec that a child asks for, and its parent does not wait for, is the one that happens', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['test', ...stages('child-reboots')]);
  assert.equal(code, 0, stdout);
  assert.doesNotMatch(stdout, /reboot failed|refused/);
});

test('an agent that asks for a kexec in its last stage, too, is at the end of the test', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['test', '--', habits(), 'goes-on']);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /stage 2: /);
  assert.doesNotMatch(stdout, /stage 3/);
  await luo.nothingIsLeft();
});

test('a file is lost where it passes one kexec and not the next', { skip }, async () => {
  await using luo = new Luo();
  const args = ['test', '--generations', '3', '--inject', 'create_session:generation=2', '--', habits(), 'goes-on'];
  const { code, stdout } = await luo.run(args);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^create_session:generation=2 +2 +lost +file 0x1 of session "agent" did not pass$/m);
});

test('a call that is made for ever is one problem', { skip }, async () => {
  await using luo = new Luo();
  const args = ['test', '--timeout', '1', '--reporter', 'json', ...stages('tries-for-ever')];
  const { problems } = documentIn(await luo.run(args));
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['timeout', 'not-reached', 'not-preserved'],
  );
});

test('an agent that makes its output non-blocking, and fills it, is tested all the same', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['test', ...stages('fills-pipe')]);
  assert.equal(code, 0, stdout);
});

test('what a file handler leaks is named', { skip }, async () => {
  await using luo = new Luo();
  const module = join(luo.directory, 'leaking.mjs');
  writeFileSync(
    module,
    `export default {
       name: 'leaking',
       init(kernel) {
         kernel.kho.memory.allocateFolio(0);
       },
     };`,
  );
  const { code, stdout } = await luo.run(['test', '--module', module, ...stages('good')]);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /✗ At the end of stage 2 the kernel still held 1 pages of RAM/);
});

test('what a run leaves is removed, read-only directories too, and only there does it write', { skip }, async (t) => {
  const ordinary = asOrdinaryUser();
  if (typeof ordinary === 'string') return t.skip(ordinary);
  await using luo = new Luo();
  const temporary = join(luo.directory, 'temporary');
  mkdirSync(temporary, { mode: 0o777 });
  if (ordinary.length > 0) for (const path of [luo.directory, temporary]) giveTo(path);
  const settings = { prefix: ordinary, env: { TMPDIR: temporary } };
  const { code, stdout, stderr } = await luo.run(['test', ...stages('closes-directory')], settings);
  assert.deepEqual([code, stderr], [0, ''], stdout);
  assert.deepEqual(readdirSync(temporary), []);
});

test('without a place for the files of a run there is none, and luo test ends', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['test', 'true'], { env: { TMPDIR: join(luo.directory, 'none') } });
  assert.equal(code, 2);
  assert.match(stderr, /^luo: Cannot make a directory for a run: ENOENT: .*Set TMPDIR to one that you can write\n$/);
});

test('in a directory that is gone nothing is tested', async () => {
  await using luo = new Luo();
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
  const { code, stderr } = await luo.run(['test', 'true'], { prefix: ['sh', '-c', script, 'sh'] });
  assert.deepEqual(
    [code, stderr],
    [2, 'luo: Cannot run a command here: the working directory has been removed. Change to one that exists\n'],
  );
});

test('children of the program that became luo test are none of its own', { skip }, async () => {
  await using luo = new Luo();
  const script = 'sleep 1000 > /dev/null 2> /dev/null & echo $! >&2; exec "$@"';
  const args = ['test', '--inject', 'kill_machine', ...stages('good')];
  const { code, stderr } = await luo.run(args, { prefix: ['sh', '-c', script, 'sh'] });
  assert.equal(code, 0);
  const child = Number(stderr);
  assert.ok(child > 1 && isAlive(child));
  process.kill(child, 'SIGKILL');
});
