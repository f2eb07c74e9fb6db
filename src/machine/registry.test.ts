import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Luo } from '../testing/luo.js';
import { claimName, defaultName, release, runningMachines } from './registry.js';

/** For tests in this process: the directory of the machines is one of theirs. */
function useDirectoryOf(luo: Luo): string {
  const directory = join(luo.directory, 'run');
  process.env['LUO_RUNTIME_DIR'] = directory;
  return directory;
}

const sleep = ['sleep', '1000'];

test('a machine is named after its command, and a second and third one get a number', async () => {
  await using luo = new Luo();
  for (const name of ['sleep', 'sleep-2', 'sleep-3']) {
    const { stderr } = await luo.run(['run', '-d', ...sleep]);
    assert.equal(stderr, `luo: machine "${name}" runs in the background; its output: luo logs ${name}\n`);
  }
  assert.equal((await luo.run(['stop', 'sleep'])).code, 0);
  assert.match((await luo.run(['run', '-d', ...sleep])).stderr, /machine "sleep" runs/, 'a name is free again');
});

test('a name that is taken is refused, and the machine that has it is unharmed', async () => {
  await using luo = new Luo();
  assert.equal((await luo.run(['run', '-d', '--name', 'mine', ...sleep])).code, 0);
  const { code, stderr } = await luo.run(['run', '--name', 'mine', 'true']);
  assert.equal(code, 125);
  assert.equal(stderr, 'luo: Cannot start machine "mine": one of that name is running. End it with: luo stop mine\n');
  assert.match((await luo.run(['ps'])).stdout, /^mine +1 +1 /m);
});

test('of ten starts of one name at the same moment exactly one wins', async () => {
  await using luo = new Luo();
  const starts = Array.from({ length: 10 }, () => luo.run(['run', '-d', '--name', 'one', ...sleep]));
  const results = await Promise.all(starts);
  assert.equal(results.filter(({ code }) => code === 0).length, 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /^luo: Cannot start machine "one": one of that name is running\./);
  }
  const machines = JSON.parse((await luo.run(['ps', '--json'])).stdout) as unknown[];
  assert.equal(machines.length, 1);
});

test('a command that needs a machine and finds none, or too many, says which ones run', async () => {
  await using luo = new Luo();
  const fails = async (args: readonly string[], sentence: string) => {
    const { code, stderr } = await luo.run(args);
    assert.deepEqual([code, stderr], [125, `luo: ${sentence}\n`]);
  };
  const none = 'none is running. Start one with: luo run COMMAND';
  await fails(['stop'], `Cannot tell which machine is meant: ${none}`);
  await fails(['kexec', 'x'], `Cannot find machine "x": ${none}`);
  await luo.run(['run', '-d', '--name', 'b', ...sleep]);
  await luo.run(['run', '-d', '--name', 'a', ...sleep]);
  await fails(['kexec'], 'Cannot tell which machine is meant: running are a, b');
  await fails(['kexec', '--', 'true'], 'Cannot tell which machine is meant: running are a, b');
  await fails(['stop', 'x'], 'Cannot find machine "x": running are a, b');
  const log = join(luo.directory, 'state', 'luo', 'x.log');
  const only = 'Only machines that were started with luo run -d have one';
  await fails(['logs', 'x'], `Cannot show the log of machine "x": there is none at ${log}. ${only}; running are a, b`);
});

test('the command tells the name without what names cannot have', () => {
  assert.equal(defaultName('/usr/bin/node'), 'node');
  assert.equal(defaultName('./my agent.sh'), 'my_agent.sh');
  assert.equal(defaultName('.hidden'), 'hidden');
  assert.equal(defaultName('-'), 'machine');
  assert.equal(defaultName('/'), 'machine');
  assert.equal(defaultName('a\nb/é'), '_');
  assert.equal(defaultName('x'.repeat(100)), 'x'.repeat(64));
});

test('claimName() refuses names that a file, a shell or a table would take amiss', async () => {
  await using luo = new Luo();
  useDirectoryOf(luo);
  for (const name of ['', '.', '..', '.a', '-a', 'a/b', 'a b', 'a\n', 'é', 'x'.repeat(65), '*']) {
    assert.throws(() => claimName(name, true), /Cannot name a machine ".*": use up to 64 letters, digits/s, name);
  }
  for (const name of ['a', 'A-b_c.d+e@f', '1', 'x'.repeat(64)]) release(claimName(name, true));
  assert.deepEqual(luo.machines(), []);
});

test('a machine runs while its lock is held, and its name is free after release()', async () => {
  await using luo = new Luo();
  useDirectoryOf(luo);
  const claim = claimName('a', true);
  assert.deepEqual(runningMachines(), ['a']);
  assert.throws(() => claimName('a', true), /one of that name is running/);
  const second = claimName('a', false);
  assert.equal(second.name, 'a-2');
  release(claim);
  assert.deepEqual(runningMachines(), ['a-2']);
  const again = claimName('a', true);
  release(claim);
  assert.deepEqual(runningMachines(), ['a', 'a-2'], "the name is another one's by now");
  release(again);
  release(second);
  assert.deepEqual(luo.machines(), []);
});

test('the directory of a machine that was killed is used again, or removed', async () => {
  await using luo = new Luo();
  const root = useDirectoryOf(luo);
  for (const name of ['killed', 'other']) {
    mkdirSync(join(root, name), { recursive: true });
    for (const file of ['lock', 'liveupdate', 'control.sock']) writeFileSync(join(root, name, file), '');
  }
  const claim = claimName('killed', true);
  assert.deepEqual(readdirSync(claim.directory), ['lock']);
  assert.deepEqual(runningMachines(), ['killed']);
  assert.deepEqual(luo.machines(), ['killed']);
  release(claim);
});

test('what luo has not made is no machine, and is left alone', async () => {
  await using luo = new Luo();
  const root = useDirectoryOf(luo);
  mkdirSync(join(root, 'documents', 'more'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  mkdirSync(join(root, 'keeps', 'mine'), { recursive: true });
  writeFileSync(join(root, 'keeps', 'lock'), '');
  writeFileSync(join(root, 'file'), '');
  symlinkSync('documents', join(root, 'link'));
  assert.deepEqual(runningMachines(), []);
  assert.throws(() => claimName('documents', true), /one of that name is running|Cannot/);
  for (const path of ['documents/more', 'empty', 'keeps/mine', 'file', 'link'])
    assert.ok(existsSync(join(root, path)), path);
  // The test's own: no machine would be found there.
  process.env['LUO_RUNTIME_DIR'] = join(luo.directory, 'other');
});
