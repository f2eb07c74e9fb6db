/** What programs notice of an upgrade of their machine: nothing but a call that takes longer. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { noCompiler } from '../../testing/compile.js';
import { Driven, groupOf } from '../../testing/driven.js';
import { isAlive, Luo, type Running } from '../../testing/luo.js';
import { statusOf } from '../../testing/status.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const skip = noCompiler();
const done = /^luo: upgraded machine "web" from 0\.1\.0 to 0\.1\.0: \d+ process(es)?, .*; they waited \d+ ms\n$/;

async function upgrade(luo: Luo): Promise<void> {
  const { code, stderr } = await luo.run(['upgrade', 'web']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, done);
}

for (const profile of ['linux', 'v5'] as const) {
  for (const strict of [[], ['--strict']]) {
    const options = ['--abi', profile, ...strict];
    const what = options.slice(1).join(' ');

    test(`${what}: what was preserved before an upgrade passes the live update after it`, { skip }, async () => {
      await using luo = new Luo();
      const program = new Driven(luo, options);
      await program.did(['open', 'create a', 'preserve a 1 first', 'preserve a 2 second', 'create b']);
      await upgrade(luo);
      // The session is open, and frozen is what it has.
      await program.did(['preserve a 3 third', 'preserve b 1 other', 'resize 2'], 'EPERM');
      await program.does('create a', 'EEXIST');
      await program.does('preserve a 1 again', 'EEXIST');
      assert.match((await luo.run(['kexec', 'web'])).stderr, /generation 2, 2 sessions, 4 files/);
      await program.did(['open', 'retrieve a', 'get a 1'], 'ok first at 3');
      await program.does('get a 2', 'ok second at 3');
      await program.does('get a 3', 'ok third at 3');
      await program.did(['finish a', 'retrieve b', 'get b 1'], 'ok other at 3');
      program.running.child.stdin?.end('exit 7\n');
      assert.equal((await program.running.result).code, 7);
      await luo.nothingIsLeft();
    });

    test(`${what}: what the last kernel left is as far as the program had come with it`, { skip }, async () => {
      await using luo = new Luo();
      const program = new Driven(luo, options);
      await program.did(['open', 'create a', 'preserve a 1 first', 'preserve a 2 second', 'create b']);
      await program.did(['preserve b 1 other', 'create c', 'create d', 'preserve d 4 last']);
      assert.equal((await luo.run(['kexec', 'web'])).code, 0);
      await program.did(['open', 'retrieve a', 'get a 1', 'retrieve c', 'finish c']);
      await upgrade(luo);
      const { generation, sessions, files } = await statusOf(luo);
      assert.deepEqual([generation, sessions, files], [2, 4, 4]);
      // One that was retrieved is the very file, and its session is the program's.
      await program.does('same a 1');
      await program.does('retrieve a', 'EINVAL');
      await program.does('get a 2', 'ok second at 3');
      await program.did(['retrieve b', 'get b 1'], 'ok other at 3');
      await program.did(['finish a', 'close a', 'retrieve a'], 'ENOENT');
      await upgrade(luo);
      await program.did(['same b 1', 'finish b', 'close b', 'close c', 'retrieve d', 'get d 4'], 'ok last at 3');
      // What was finished is the program's to preserve.
      await program.did(['create e', 'again e 1']);
      await upgrade(luo);
      assert.match((await luo.run(['kexec', 'web'])).stderr, /generation 3, 1 session, 1 file/);
      await program.did(['open', 'retrieve e', 'get e 2'], 'ok other at 77');
      assert.equal((await luo.run(['stop', 'web'])).code, 0);
      await luo.nothingIsLeft();
    });
  }
}

test('no call fails while the machine is upgraded, however many there are', { skip }, async (t) => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create kept', 'preserve kept 1 kept', 'storm']);
  const asking = askAlways(luo);
  for (let count = 0; count < 3; count += 1) await upgrade(luo);
  assert.ok((await asking.end()) > 0);
  const [, calls] = /^ok (\d+)$/.exec(await program.does('calm', /^ok \d+$/)) ?? [];
  t.diagnostic(`${calls} calls were answered`);
  assert.ok(Number(calls) > 1000, `${calls} calls`);
  await program.does('preserve kept 2 more');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('another version takes over, and the machine says so', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const other = join(luo.directory, 'other');
  cpSync(join(root, 'dist'), join(other, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(other, 'node_modules'));
  const manifest = readFileSync(join(root, 'package.json'), 'utf8');
  writeFileSync(join(other, 'package.json'), manifest.replace('"version": "0.1.0"', '"version": "0.2.0"'));
  const { stderr } = await luo.startCommand([process.execPath, join(other, 'dist/cli/main.js'), 'upgrade']).result;
  assert.match(stderr, /^luo: upgraded machine "web" from 0\.1\.0 to 0\.2\.0: 1 process, 1 session, 1 file went on/);
  assert.equal((await statusOf(luo)).version, '0.2.0');
  assert.match(await cmdline(luo), new RegExp(`${other}/dist/machine/machine-main\\.js`));
  await program.does('preserve a 2 more');
  assert.match((await luo.run(['upgrade'])).stderr, /from 0\.2\.0 to 0\.1\.0/);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('the process stays, and so do its descriptors', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 one', 'preserve a 2 two']);
  await luo.run(['kexec', 'web']);
  await program.did(['open', 'retrieve a', 'get a 1', 'create b', 'preserve b 1 three']);
  const before = await statusOf(luo);
  const group = groupOf(before.pid);
  await upgrade(luo);
  const counts: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    await upgrade(luo);
    const { pid } = await statusOf(luo);
    counts.push(readdirSync(`/proc/${pid}/fd`).length);
  }
  const after = await statusOf(luo);
  assert.equal(after.pid, before.pid);
  assert.equal(groupOf(after.pid), group);
  assert.equal(after.startedAt, before.startedAt);
  assert.equal(after.upgraded?.count, 4);
  assert.equal(after.processes, before.processes);
  assert.deepEqual(counts, [counts[0], counts[0], counts[0]]);
  await program.does('finish a');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('a daemon goes on after the first program, and luo run exits as that did', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text', 'daemon 5'], 'ok daemon');
  await program.running.warns(/stays up: 1 process still runs/);
  await upgrade(luo);
  await program.does('preserve a 2 text');
  await upgrade(luo);
  await program.did(['close a', 'create a']);
  program.running.child.stdin?.end('exit 0\n');
  assert.equal((await program.running.result).code, 5);
  assert.equal(program.running.stderr.match(/stays up/g)?.length, 1);
  await luo.nothingIsLeft();
});

test('a program that is ended after an upgrade ends its machine, with its signal', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.does('open');
  const { pid } = await statusOf(luo);
  await upgrade(luo);
  program.running.child.kill('SIGTERM');
  assert.equal((await program.running.result).code, 128 + 15);
  assert.equal(isAlive(pid), false);
  await luo.nothingIsLeft();
});

test('a machine in the background is upgraded, and its log goes on', { skip }, async () => {
  await using luo = new Luo();
  assert.equal((await luo.run(['run', '-d', '--name', 'web', 'sleep', '1000'])).code, 0);
  await upgrade(luo);
  assert.match(luo.log('web'), /^luo: upgraded machine "web" from 0\.1\.0 to 0\.1\.0: 1 process, 0 sessions, 0 files/m);
  assert.equal((await luo.run(['kexec', 'web'])).code, 0);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('what is preserved is held as before when the machine is killed after an upgrade', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo, ['--on-crash', 'hold']);
  await program.did(['open', 'create a', 'preserve a 1 before', 'create b', 'preserve b 1 inherited']);
  await luo.run(['kexec', 'web']);
  await program.did(['open', 'retrieve a', 'get a 1', 'create c', 'preserve c 1 mine']);
  await upgrade(luo);
  await program.does('preserve c 2 after');
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  await program.running.warns(/is held: 3 sessions, 4 files/);
  assert.match((await luo.run(['recover', 'web'])).stdout, /3 sessions, 4 files/);
  await program.did(['open', 'retrieve c', 'get c 2'], 'ok after at 3');
  await program.does('get c 1', 'ok mine at 3');
  await program.did(['retrieve a', 'get a 1'], /^ok before /);
  await program.did(['retrieve b', 'get b 1'], 'ok inherited at 3');
  await upgrade(luo);
  await program.does('get c 2', 'ok after at 3');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('files that pass as they are go on, whether they were retrieved or not', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo, ['--preserve', 'pipes']);
  await program.did(['open', 'create a', 'pipe a 1 first', 'pipe a 2 second', 'pipe a 3 third']);
  await upgrade(luo);
  await luo.run(['kexec', 'web']);
  await program.did(['open', 'retrieve a', 'get a 1'], 'ok first at -1');
  await upgrade(luo);
  await program.does('get a 2', 'ok second at -1');
  // It has been read.
  await program.does('get a 1', 'ok  at -1');
  await upgrade(luo);
  await program.does('get a 3', 'ok third at -1');
  await program.does('finish a');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('a trace goes on', { skip }, async () => {
  await using luo = new Luo();
  const file = `${luo.directory}/trace`;
  const program = new Driven(luo, [`--trace-json=${file}`]);
  await program.does('open');
  const trace = luo.start(['trace', '--json', 'web']);
  const before = await isTraced(program, trace, 'before');
  await upgrade(luo);
  await trace.warns(/another luo takes over machine "web"/);
  const after = await isTraced(program, trace, 'after');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  assert.equal((await trace.result).code, 0);
  const events = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; call?: string; nth?: number; at: number });
  assert.deepEqual(
    events.flatMap(({ event, call, nth }) => (call === 'CREATE_SESSION' || event === 'upgrade' ? [nth ?? event] : [])),
    [...counted(1, before), 'upgrade', ...counted(before + 1, after)],
  );
  assert.ok(events.every(({ at }, index) => index === 0 || at >= 0));
  await luo.nothingIsLeft();
});

test('no fault strikes as a machine is upgraded, and it counts on after that', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo, ['--inject', 'preserve:nth=3']);
  await program.did(['open', 'create a', 'preserve a 1 one', 'preserve a 2 two']);
  await upgrade(luo);
  await program.does('preserve a 3 three', 'ENOMEM');
  await program.does('preserve a 3 three');
  await upgrade(luo);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  assert.doesNotMatch(program.running.stderr, /never struck/);
});

test('a fault strikes once, whether before an upgrade or after it', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo, ['--inject', 'create_session:nth=1', '--inject', 'create_session:nth=3']);
  await program.does('open');
  await program.does('create a', 'ENOMEM');
  await program.does('create a');
  await upgrade(luo);
  await program.does('create b', 'ENOMEM');
  await program.does('create b');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  assert.doesNotMatch(program.running.stderr, /never struck/);
});

/** Makes sessions until one is seen: whoever reads has connected then. Returns how many it took. */
async function isTraced(program: Driven, trace: Running, name: string): Promise<number> {
  for (let count = 1; ; count += 1) {
    await program.does(`create ${name}${count}`);
    if (trace.stdout.includes(`"session":"${name}`)) return count;
    await setTimeout(10);
  }
}

function counted(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

async function cmdline(luo: Luo): Promise<string> {
  return readFileSync(`/proc/${(await statusOf(luo)).pid}/cmdline`, 'latin1');
}

/** Asks for the state without a pause. None of the answers may be missing. */
function askAlways(luo: Luo): { end(): Promise<number> } {
  let isOver = false;
  const asked = (async () => {
    let count = 0;
    for (; !isOver; count += 1) assert.equal((await statusOf(luo)).name, 'web');
    return count;
  })();
  return {
    end: () => {
      isOver = true;
      return asked;
    },
  };
}
