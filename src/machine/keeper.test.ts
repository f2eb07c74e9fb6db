/** Whatever ends a machine, nothing of it stays. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, isAlive, Luo, luoCommand, type Running } from '../testing/luo.js';

const skip = noCompiler();
const tree = skip ? '' : compile('test/programs/tree.c');

interface Tree {
  readonly running: Running;
  readonly keeper: number;
  readonly machine: number;
  readonly pids: readonly number[];
}

/** A machine with a tree of processes. `pids` are all of them but the one that is always another. */
async function startTree(luo: Luo, { detached = false, polite = false, children = 3 } = {}): Promise<Tree> {
  const file = join(luo.directory, 'pids');
  const options = ['--name', 'tree', ...(detached ? ['-d'] : [])];
  const running = luo.start(['run', ...options, tree, file, String(children), ...(polite ? ['polite'] : [])]);
  const pids = await eventually('the tree is up', () => {
    const lines = existsSync(file) ? readFileSync(file, 'latin1').trim().split('\n') : [];
    return lines.length === children + 3 ? lines.map(Number) : undefined;
  });
  if (detached) assert.equal((await running.result).code, 0);
  const machine = await machineOf(luo);
  return { running, machine, keeper: parentOf(machine), pids };
}

async function machineOf(luo: Luo): Promise<number> {
  const [status] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [{ pid: number }];
  return status.pid;
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

async function nothingIsLeft(luo: Luo, { pids }: Tree): Promise<void> {
  await luo.nothingIsLeft();
  assert.deepEqual(pids.filter(isAlive), []);
}

test('a machine whose program ends leaves nothing', async () => {
  await using luo = new Luo();
  assert.equal((await luo.run(['run', 'true'])).code, 0);
  assert.deepEqual(luo.processes(), []);
  assert.deepEqual(luo.machines(), []);
});

test('luo stop ends programs that ignore every signal, 100 children and daemons among them', { skip }, async () => {
  await using luo = new Luo();
  const tree = await startTree(luo, { children: 100 });
  assert.equal((await luo.run(['stop', 'tree', '--timeout', '0.5'])).code, 0);
  assert.deepEqual(tree.pids.filter(isAlive), [], 'nothing runs any more when luo stop returns');
  assert.deepEqual(luo.machines(), []);
  assert.equal((await tree.running.result).code, 128 + 9);
  await nothingIsLeft(luo, tree);
});

for (const how of ['stop', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
  const title = how === 'stop' ? 'luo stop' : `${how} of luo run`;
  test(`${title} asks all programs to end, daemons too, and leaves nothing`, { skip }, async () => {
    await using luo = new Luo();
    const tree = await startTree(luo, { polite: true });
    const { running } = tree;
    if (how === 'stop') assert.equal((await luo.run(['stop'])).code, 0);
    else process.kill(running.pid, how);
    const code = { stop: 15, SIGTERM: 15, SIGHUP: 1, SIGINT: 2 }[how];
    assert.equal((await running.result).code, 128 + code);
    await nothingIsLeft(luo, tree);
  });
}

for (const detached of [false, true]) {
  const what = detached ? 'a detached machine' : 'a machine';
  test(`${what} leaves nothing when its keeper is killed`, { skip }, async () => {
    await using luo = new Luo();
    const tree = await startTree(luo, { detached });
    process.kill(tree.keeper, 'SIGKILL');
    await nothingIsLeft(luo, tree);
  });

  test(`${what} leaves nothing when its own process is killed`, { skip }, async () => {
    await using luo = new Luo();
    const tree = await startTree(luo, { detached });
    process.kill(tree.machine, 'SIGKILL');
    await nothingIsLeft(luo, tree);
    const said = detached ? luo.log('tree') : (await tree.running.result).stderr;
    assert.match(said, /Machine "tree" was ended by force \(SIGKILL\); its programs have been ended too/);
    if (!detached) assert.equal((await tree.running.result).code, 128 + 9);
  });

  test(`${what} whose keeper and process are killed at once leaves its name free, and no first program`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    const tree = await startTree(luo, { detached, polite: true });
    process.kill(tree.keeper, 'SIGKILL');
    process.kill(tree.machine, 'SIGKILL');
    const first = Math.min(...tree.pids);
    await eventually('the first program is gone', () => (isAlive(first) ? undefined : true));
    assert.equal((await luo.run(['ps', '--json'])).stdout, '[]\n');
    assert.deepEqual(luo.machines(), []);
    assert.equal((await luo.run(['run', '--name', 'tree', 'true'])).code, 0);
  });
}

test('Ctrl-C at any time of a start ends luo run, with 130 or as the program does, and leaves nothing', async () => {
  await using luo = new Luo();
  const interrupt = async (delay: number) => {
    const running = luo.startCommand(['setsid', ...luoCommand, 'run', 'sleep', '1000']);
    await setTimeout(delay);
    process.kill(-running.pid, 'SIGINT');
    const { code, signal, stderr } = await running.result;
    assert.ok(code === 130 || signal === 'SIGINT', `after ${delay} ms: ${code ?? signal} ${stderr}`);
    assert.match(stderr, /^(luo: [^\n]*\n)?$/, `after ${delay} ms`);
  };
  for (let delay = 30; delay <= 600; delay += 90) {
    await Promise.all([delay, delay + 30, delay + 60].map(interrupt));
  }
  await luo.nothingIsLeft();
});

/** It may have ended meanwhile, and its group with it. */
function interruptGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGINT');
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ESRCH', String(error));
  }
}

test('Ctrl-C while a detached machine starts ends it, or comes too late; nothing hangs', async () => {
  await using luo = new Luo();
  for (let delay = 50; delay <= 450; delay += 80) {
    const running = luo.startCommand(['setsid', ...luoCommand, 'run', '-d', '--name', 'd', 'sleep', '1000']);
    await setTimeout(delay);
    interruptGroup(running.pid);
    const { code, signal } = await running.result;
    if (code === 0) await luo.run(['stop', 'd']);
    else assert.ok(code === 130 || signal === 'SIGINT', `after ${delay} ms: ${code ?? signal}`);
    await luo.nothingIsLeft();
  }
});

test('children that a process had before it became luo are none of the machine', async () => {
  await using luo = new Luo();
  const script = 'sleep 1000 >/dev/null 2>&1 & echo $! > pid; exec "$@"';
  const { code } = await luo.startCommand(['sh', '-c', script, 'sh', ...luoCommand, 'run', 'true']).result;
  const pid = Number(readFileSync(join(luo.directory, 'pid'), 'latin1'));
  assert.equal(code, 0);
  assert.ok(isAlive(pid));
  process.kill(pid);
});
