/** An upgrade that cannot be: it is said why, and everything goes on as before. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile, noCompiler } from '../../testing/compile.js';
import { Driven, groupOf } from '../../testing/driven.js';
import { eventually, Luo } from '../../testing/luo.js';
import { statusOf } from '../../testing/status.js';
import { openFlags } from '../../uapi/fcntl.js';
import { ask } from '../control-client.js';
import type { ControlAnswer, NewLuo } from '../control-protocol.js';
import { STATE_FORMAT } from './state.js';

const skip = noCompiler();
const own: NewLuo = {
  node: process.execPath,
  program: fileURLToPath(new URL('../machine-main.js', import.meta.url)),
};

/** Asks as `luo upgrade` does, for any luo. */
async function upgradeTo(luo: Luo, other: Partial<NewLuo> = {}): Promise<ControlAnswer | undefined> {
  const before = process.env['LUO_RUNTIME_DIR'];
  process.env['LUO_RUNTIME_DIR'] = luo.env['LUO_RUNTIME_DIR'];
  try {
    return await ask('web', { request: 'upgrade', ...own, ...other });
  } finally {
    if (before === undefined) delete process.env['LUO_RUNTIME_DIR'];
    else process.env['LUO_RUNTIME_DIR'] = before;
  }
}

async function refusal(luo: Luo, other: Partial<NewLuo> = {}): Promise<string> {
  const answer = await upgradeTo(luo, other);
  assert.ok(answer !== undefined && 'error' in answer, JSON.stringify(answer));
  assert.match(
    answer.error,
    /^Cannot upgrade the machine: .*\. Nothing has changed, and it goes on with the luo that it has$/,
  );
  return answer.error;
}

/** A program in the place of machine-main.js. */
function script(luo: Luo, text: string): string {
  const file = join(luo.directory, 'machine-main.mjs');
  writeFileSync(file, text);
  return file;
}

/** The program goes on, and so do upgrades that can be. */
async function goesOn(luo: Luo, program: Driven): Promise<void> {
  await program.does('preserve a 2 more');
  const { processes, upgraded, files } = await statusOf(luo);
  assert.deepEqual([processes, upgraded, files], [1, undefined, 2]);
  assert.equal((await luo.run(['upgrade', 'web'])).code, 0);
  await program.does('preserve a 3 more');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
}

const bad: ReadonlyArray<[what: string, other: (luo: Luo) => Partial<NewLuo>, reason: RegExp]> = [
  ['a binary that is not there', () => ({ node: '/nowhere/node' }), /cannot start \/nowhere\/node \(ENOENT\)/],
  ['a program that is not there', () => ({ program: '/nowhere/machine-main.js' }), /ended before it was ready/],
  ['a program that ends', (luo) => ({ program: script(luo, 'process.exit(3)') }), /ended before it was ready/],
  [
    'a program that reads another format',
    (luo) => ({
      program: script(
        luo,
        `import { readState } from ${JSON.stringify(new URL('./state.js', import.meta.url).href)};
         import { sendText } from ${JSON.stringify(new URL('../launcher-protocol.js', import.meta.url).href)};
         import { writeSync, readFileSync } from 'node:fs';
         const text = readFileSync(4, 'utf8').replace('"format":${STATE_FORMAT}', '"format":${STATE_FORMAT + 1}');
         writeSync(4, text, 0);
         try { readState(4); } catch (error) { sendText(3, JSON.stringify({ failure: error.message })); }`,
      ),
    }),
    /this luo reads format \d+ of a machine's state, and luo 0\.1\.0 has written format \d+/,
  ],
];

for (const [what, other, reason] of bad) {
  test(`${what} is no luo to go on with`, { skip }, async () => {
    await using luo = new Luo();
    const program = new Driven(luo);
    await program.did(['open', 'create a', 'preserve a 1 text']);
    assert.match(await refusal(luo, other(luo)), reason);
    await goesOn(luo, program);
  });
}

test('a machine goes on where the new luo cannot be executed in its place', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const trace = luo.start(['trace', 'web']);
  const { pid } = await statusOf(luo);
  const before = [groupOf(pid), inherited(pid)];
  // It shows that it can go on, and is gone when it is to.
  const node = join(luo.directory, 'node');
  writeFileSync(node, `#!/bin/sh\nrm "${node}"\nexec ${process.execPath} "$@"\n`);
  chmodSync(node, 0o755);
  assert.match(await refusal(luo, { node }), /cannot execute \S+ \(ENOENT\)/);
  assert.equal(existsSync(node), false);
  assert.deepEqual([groupOf(pid), inherited(pid)], before);
  await program.does('create seen');
  await trace.says(/"seen"/);
  await program.does('close seen');
  trace.child.kill();
  await goesOn(luo, program);
});

test('a machine with serial ports is not upgraded', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo, ['--serial', 'ttyS0=8250']);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const { code, stderr } = await luo.run(['upgrade', 'web']);
  assert.equal(code, 125);
  assert.match(stderr, /it has serial ports, and what happens on them is in its process alone/);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
});

test('a machine whose program is asked to end is not upgraded', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start([
    'run',
    '--name',
    'web',
    'sh',
    '-c',
    'trap : TERM; echo up; sleep 1000 & while :; do wait; done',
  ]);
  await running.says(/up/);
  const stop = luo.run(['stop', '--timeout', '1000', 'web']);
  await eventually('it is about to end', async () => {
    const { stderr } = await luo.run(['upgrade', 'web']);
    return /it is about to end/.test(stderr) ? true : undefined;
  });
  assert.equal((await luo.run(['stop', '--timeout', '0', 'web'])).code, 0);
  await stop;
});

test('a machine is not upgraded during a kexec', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const module = join(luo.directory, 'slow.mjs');
  const gate = join(luo.directory, 'gate');
  writeFileSync(
    module,
    `import { existsSync } from 'node:fs';
     while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5));
     export default { name: 'slow', init() {} };`,
  );
  const kexec = luo.run(['kexec', 'web', '--module', module]);
  await eventually('a live update is under way', async () => {
    const { stderr } = await luo.run(['upgrade', 'web']);
    return /a live update is under way\. Try again when it is done/.test(stderr) ? true : undefined;
  });
  writeFileSync(gate, '');
  assert.match((await kexec).stderr, /generation 2, 1 session, 1 file/);
  await program.did(['open', 'retrieve a', 'get a 1'], 'ok text at 3');
  // Modules are loaded anew, and files go on with them.
  assert.equal((await luo.run(['upgrade', 'web'])).code, 0);
  await program.does('same a 1');
  assert.deepEqual((await statusOf(luo)).modules, ['slow']);
  // One that refuses is found out before anything is given up.
  writeFileSync(module, `export default { name: 'slow', init() { throw new Error('not today'); } };`);
  assert.match((await luo.run(['upgrade', 'web'])).stderr, /not today.*Nothing has changed/);
  await program.does('same a 1');
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('a machine is not upgraded while its generation is on trial', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const kexec = luo.run(['kexec', 'web', '--ready-timeout', '1000']);
  await program.running.warns(/generation 2/);
  assert.match((await luo.run(['upgrade', 'web'])).stderr, /begins, ends or is on trial\. Try again when it runs/);
  await program.did(['open', 'retrieve a', 'get a 1'], 'ok text at 3');
  await program.does('finish a');
  assert.equal((await kexec).code, 0);
  assert.equal((await luo.run(['upgrade', 'web'])).code, 0);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('a machine whose keeper was killed is not upgraded', { skip }, async () => {
  await using luo = new Luo();
  // It reads no input, which ends with the keeper.
  const running = luo.start(['run', '--name', 'web', '--on-crash', 'hold', compile('test/programs/agent.c'), 'wait']);
  await running.says(/^count 1 wait$/m);
  running.child.kill('SIGKILL');
  const said = await eventually('it is upgraded, or refused', async () => {
    const { code, stderr } = await luo.run(['upgrade', 'web']);
    return code === 0 || /its keeper was killed/.test(stderr) ? stderr : undefined;
  });
  assert.match(said, /its keeper was killed, and nobody would clean up after it\. Nothing has changed/);
  assert.equal((await statusOf(luo)).files, 1);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('a keeper that is killed while the new luo begins takes nothing with it', { skip }, async () => {
  await using luo = new Luo();
  const gate = join(luo.directory, 'gate');
  const module = join(luo.directory, 'slow.mjs');
  writeFileSync(
    module,
    `import { existsSync, writeFileSync } from 'node:fs';
     if (process.argv[2] === '--resume') {
       writeFileSync(${JSON.stringify(`${gate}.reached`)}, '');
       while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5));
     }
     export default { name: 'slow', init() {} };`,
  );
  const options = ['--name', 'web', '--on-crash', 'hold', '--module', module];
  const running = luo.start(['run', ...options, compile('test/programs/agent.c'), 'wait']);
  await running.says(/^count 1 wait$/m);
  const upgraded = upgradeTo(luo).catch(() => undefined);
  await eventually('the new luo begins', () => existsSync(`${gate}.reached`) || undefined);
  running.child.kill('SIGKILL');
  await eventually('the keeper is gone', () => (existsSync(`/proc/${running.pid}`) ? undefined : true));
  writeFileSync(gate, '');
  await upgraded;
  const { files, processes } = await statusOf(luo);
  assert.deepEqual([files, processes], [1, 1]);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('there is one upgrade at a time', { skip }, async () => {
  await using luo = new Luo();
  const program = new Driven(luo);
  await program.did(['open', 'create a', 'preserve a 1 text']);
  const gate = join(luo.directory, 'gate');
  const waits = script(
    luo,
    `import { existsSync } from 'node:fs';
     while (!existsSync(${JSON.stringify(gate)})) await new Promise((done) => setTimeout(done, 5));`,
  );
  const first = refusal(luo, { program: waits });
  await eventually('the first is under way', async () => {
    return /another upgrade is under way/.test(await refusal(luo, { node: '/nowhere' })) ? true : undefined;
  });
  writeFileSync(gate, '');
  assert.match(await first, /ended before it was ready/);
  await goesOn(luo, program);
});

test('a machine that is not there cannot be upgraded', async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['upgrade', 'nobody']);
  assert.equal(code, 125);
  assert.match(stderr, /^luo: Cannot find machine "nobody"/);
});

/** The descriptors of a process that a program which it starts would get. */
function inherited(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).filter(
    (fd) => (flagsOf(pid, fd) & openFlags(process.arch).O_CLOEXEC) === 0,
  );
}

/** All of them for one that has been closed meanwhile, such as a connection. */
function flagsOf(pid: number, fd: string): number {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? [];
    return Number.parseInt(flags ?? '', 8);
  } catch {
    return -1;
  }
}
