import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { MachineStatus } from '../machine/control-protocol.js';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo, luoCommand } from '../testing/luo.js';

const skip = noCompiler();
const agent = skip ? '' : compile('test/programs/agent.c');

test('luo ps shows nothing but its heading where no machine runs', async () => {
  await using luo = new Luo();
  const { code, stdout } = await luo.run(['ps']);
  assert.deepEqual(
    [code, stdout],
    [0, 'NAME  GENERATION  PROCESSES  SESSIONS  FILES  PRESERVED  STATE  UP  COMMAND\n'],
  );
  assert.equal((await luo.run(['ps', '--json'])).stdout, '[]\n');
});

test('luo ps shows every machine: its generation, its processes, and what it preserved', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'plain', 'sleep', '1000']);
  await luo.run(['run', '-d', '--name', 'second', agent, 'wait', 'a b', '', 'c\nd']);
  await luo.logMatches('second', /^count 1 /m);
  await luo.run(['kexec', 'second']);
  await luo.logMatches('second', /^count 2 /m);
  const left = luo.start(['run', '--name', 'left', agent, 'fork']);
  await left.warns(/stays up/);

  const { stdout } = await luo.run(['ps']);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((row) => row.replace(/ {2,}/g, ' ').replace(/ \d+ s /, ' UP '));
  assert.deepEqual(rows.slice(1), [
    `left 1 1 1 1 12.0 KiB prepared UP ${agent} fork`,
    'plain 1 1 0 0 0 B normal UP sleep 1000',
    `second 2 1 1 1 12.0 KiB prepared UP ${agent} wait "a b" "" "c\\nd"`,
  ]);

  const machines = JSON.parse((await luo.run(['ps', '--json'])).stdout) as MachineStatus[];
  const { pid, startedAt, ...status } = machines[2] ?? assert.fail('no third machine');
  assert.deepEqual(status, {
    name: 'second',
    generation: 2,
    argv: [agent, 'wait', 'a b', '', 'c\nd'],
    detached: true,
    processes: 1,
    state: 'prepared',
    abi: 'linux',
    modules: [],
    sessions: 1,
    files: 1,
    bytes: '12293',
    version: '0.1.0',
  });
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /machine-main/);
  assert.ok(startedAt <= Date.now());
});

test('luo ps goes on without a machine that does not answer, and names it', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  await luo.run(['run', '-d', '--name', 'b', 'sleep', '1000']);
  const [{ pid }] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [MachineStatus];
  process.kill(pid, 'SIGSTOP');
  try {
    const { code, stdout, stderr } = await luo.run(['ps']);
    assert.equal(code, 0);
    assert.match(stdout, /^b +1 /m);
    assert.equal(
      stderr,
      'luo: Cannot reach machine "a": it does not answer. It may be stopped, or be in a kernel module that never returns\n',
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test("luo logs shows the output of all generations, luo's own lines among them", { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', agent, 'wait']);
  await luo.logMatches('a', /^count 1 /m);
  for (const count of [2, 3]) {
    await luo.run(['kexec', 'a']);
    await luo.logMatches('a', new RegExp(`^count ${count} `, 'm'));
  }
  const { stdout } = await luo.run(['logs', 'a']);
  const lines = stdout.split('\n').map((line) => line.replace(/,.*/, ''));
  const kexecs = lines.filter((line) => line.startsWith('luo'));
  assert.deepEqual(kexecs, ['luo: kexec: generation 2', 'luo: kexec: generation 3']);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('count')),
    ['count 1 wait', 'count 2 wait', 'count 3 wait'],
  );
});

test('luo logs --follow shows what comes, and ends with the machine; the log stays', async () => {
  await using luo = new Luo();
  const script = 'echo begun; while ! test -e go; do sleep 0.02; done; echo done; exit 3';
  await luo.run(['run', '-d', '--name', 'a', 'sh', '-c', script]);
  const follower = luo.start(['logs', '--follow', 'a']);
  await follower.says(/^begun$/m);
  await luo.run(['run', 'touch', 'go']);
  assert.deepEqual(await follower.result, { code: 0, signal: undefined, stdout: 'begun\ndone\n', stderr: '' });
  assert.equal((await luo.run(['logs', 'a'])).stdout, 'begun\ndone\n');
});

test('luo logs ends quietly when nobody reads any more', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'seq', '100000']);
  await eventually('the machine has ended', () => (luo.machines().length === 0 ? true : undefined));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  const command = ['bash', '-c', '"$@" logs a | head -n 1; exit ${PIPESTATUS[0]}', 'bash', ...luoCommand];
  assert.deepEqual(await luo.startCommand(command).result, { code: 0, signal: undefined, stdout: '1\n', stderr: '' });
});

test('luo stop says how to end a machine that does not answer', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const [{ pid }] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [MachineStatus];
  process.kill(pid, 'SIGSTOP');
  const { code, stderr } = await luo.run(['stop', '--timeout', '0', 'a']);
  assert.equal(code, 125);
  assert.match(stderr, new RegExp(`does not answer.*\\. End it by force, with its programs: kill -9 ${pid}$`, 'm'));
  process.kill(pid, 'SIGKILL');
  await luo.nothingIsLeft();
});
