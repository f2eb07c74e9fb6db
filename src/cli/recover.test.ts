/** What is preserved outlives a crash where that is asked for, and what became of it is said. */
import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo } from '../testing/luo.js';
import { statusOf } from '../testing/status.js';

const skip = noCompiler();
const agent = skip ? '' : compile('test/programs/recovery.c');
const versions = skip ? '' : compile('test/programs/versions.c');
const all = ['a:1', 'a:2', 'b:1', 'b:2'];

/** A machine that was killed while its agent had preserved all files. */
async function crashed(luo: Luo, ...options: string[]): Promise<void> {
  await luo.run(['run', '-d', '--name', 'web', ...options, '--', agent]);
  await luo.logMatches('web', /^ready$/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
}

async function held(luo: Luo): Promise<string> {
  return luo.logMatches('web', /^luo: machine "web" is held: .*$/m);
}

/** Boots the machine again with a program that finds every file as it was, and ends. */
async function recoverAll(luo: Luo, files: readonly string[] = all): Promise<string> {
  const { code, stdout, stderr } = await luo.run(['recover', 'web', '--', agent, 'check', ...files]);
  equal(code, 0, stderr);
  await luo.nothingIsLeft();
  match(luo.log('web'), new RegExp(`^checked ${files.length}$`, 'm'));
  return stdout;
}

test('a machine that was killed is held, says what to do, and comes back with every byte', { skip }, async () => {
  await using luo = new Luo();
  await crashed(luo);
  match(
    await held(luo),
    /^luo: Machine "web" was ended by force \(SIGKILL\); its programs have been ended too\nluo: machine "web" is held: 2 sessions, 4 files, 4\.0 MiB\. Boot it again: luo recover web; let go of it: luo stop web$/m,
  );
  equal(
    await recoverAll(luo),
    'recovered "web" as generation 3: 2 sessions, 4 files, 4.0 MiB\n  session "a": 2 files, 2.0 MiB\n  session "b": 2 files, 2.0 MiB\n',
  );
});

test('a machine boots again with the command that ran last, and goes on from there', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', 'sleep', '1000']);
  equal((await luo.run(['kexec', 'web', '--', agent, 'drop'])).code, 0);
  await luo.logMatches('web', /^ready$/m);
  for (const generation of [3, 4]) {
    const { pid } = await statusOf(luo);
    process.kill(pid, 'SIGKILL');
    await eventually('the machine is held', async () => ((await statusOf(luo)).state === 'held' ? true : undefined));
    equal((await luo.run(['recover'])).code, 0);
    const status = await statusOf(luo);
    deepEqual([status.generation, status.argv, status.abi], [generation, [agent, 'drop'], 'linux']);
    await eventually('the agent is ready', () =>
      luo.log('web').match(/^ready$/gm)?.length === generation - 1 ? true : undefined,
    );
  }
  equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});

test('luo ps shows a machine that is held, with its sessions', { skip }, async () => {
  await using luo = new Luo();
  await crashed(luo);
  await held(luo);
  match((await luo.run(['ps'])).stdout, /^web +2 +0 +2 +4 +4\.0 MiB +held +\d+ s +\S+recovery$/m);
  const { state, processes, sessions, files, bytes, generation } = await statusOf(luo);
  deepEqual(
    { state, processes, sessions, files, generation },
    { state: 'held', processes: 0, sessions: 2, files: 4, generation: 2 },
  );
  equal(bytes, String(4 * (1 << 20) + 4 * 5 + 4096 * (1 + 2 + 2 + 3)));
  const { stdout } = await luo.run(['ps', '--sessions']);
  match(stdout, /^web +"a" +outgoing +prepared +- +2 files +2\.0 MiB\n +token 0x1 +- +memfd-v2 +1\.0 MiB$/m);
});

test('what a machine that is held cannot do is refused, and it stays held', { skip }, async () => {
  await using luo = new Luo();
  await crashed(luo);
  await held(luo);
  for (const command of ['kexec', 'trace']) {
    const { code, stderr } = await luo.run([command, 'web']);
    equal(code, 125);
    match(stderr, /it is held and does not run\. Boot it again first: luo recover web/);
  }
  const { code, stderr } = await luo.run(['run', '--name', 'web', 'true']);
  equal(code, 125);
  match(stderr, /one of that name is running/);
  await recoverAll(luo);
});

test('a machine that cannot boot again stays held, and nothing is lost', { skip }, async () => {
  await using luo = new Luo();
  await crashed(luo);
  await held(luo);
  for (const command of [['none'], ['/dev/null']]) {
    const { code, stderr } = await luo.run(['recover', 'web', '--', ...command]);
    equal(code, 125);
    match(stderr, /^luo: Cannot run ".+\n$/);
    const { files, argv } = await statusOf(luo);
    deepEqual([files, argv], [4, [agent]], 'it would boot with what ran before');
  }
  await recoverAll(luo);
});

test('luo stop lets go of what is held; so does a signal for luo run, which ends as the machine did', {
  skip,
}, async () => {
  await using luo = new Luo();
  await crashed(luo);
  await held(luo);
  equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
  const running = luo.start(['run', '--on-crash=hold', '--name', 'web', '--', agent, 'crash']);
  await running.warns(/is held/);
  process.kill(running.pid, 'SIGINT');
  equal((await running.result).code, 128 + 11);
  await luo.nothingIsLeft();
});

test('luo recover of a machine that runs has nothing to do, and knows no machine that is none', { skip }, async () => {
  await using luo = new Luo();
  const unknown = await luo.run(['recover', 'web']);
  equal(unknown.code, 125);
  match(unknown.stderr, /^luo: Cannot find machine "web": none is running/);
  await luo.run(['run', '-d', '--name', 'web', 'sleep', '1000']);
  const { code, stdout, stderr } = await luo.run(['recover', 'web']);
  deepEqual([code, stdout, stderr], [0, '', 'luo: machine "web" runs: there is nothing to recover\n']);
});

for (const [mode, code] of [
  ['crash', 'SIGSEGV'],
  ['exit', 'exit code 3'],
] as const) {
  test(`the sessions of a program that ends with ${code} are held as they were`, { skip }, async () => {
    await using luo = new Luo();
    await luo.run(['run', '-d', '--name', 'web', '--', agent, mode]);
    match(await held(luo), /is held: 2 sessions, 4 files/);
    await recoverAll(luo);
  });
}

test('a program below a shell that is killed has its sessions held, too, where the shell fails', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', 'sh', '-c', `${agent} crash; exit 1`]);
  match(await held(luo), /is held: 2 sessions, 4 files/);
  await recoverAll(luo);
});

test('sessions that the last kernel left are held, whether the program has asked for them or not', {
  skip,
}, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', agent, 'drop']);
  await luo.logMatches('web', /^ready$/m);
  await luo.run(['kexec', 'web', '--', 'sh', '-c', 'kill -9 $$']);
  match(await held(luo), /is held: 1 session, 2 files/);
  await recoverAll(luo, ['b:1', 'b:2']);
});

test('what a program let go of does not come back: a session that it closed, or all of it where it exits with 0', {
  skip,
}, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', agent, 'drop']);
  await luo.logMatches('web', /^ready$/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  match(await held(luo), /is held: 1 session, 2 files/);
  await recoverAll(luo, ['b:1', 'b:2']);
  await luo.run(['run', '-d', '--name', 'web', '--', 'sh', '-c', `${agent} crash; exit 0`]);
  await luo.nothingIsLeft();
  doesNotMatch(luo.log('web'), /held/);
});

test('an end that was asked for holds nothing: luo stop, and SIGTERM for luo run', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--on-crash=hold', '--name', 'web', '--', agent]);
  await running.says(/^ready$/m);
  process.kill(running.pid, 'SIGTERM');
  equal((await running.result).code, 128 + 15);
  doesNotMatch(running.stderr, /held/);
  await luo.run(['run', '-d', '--name', 'web', '--', agent]);
  await luo.logMatches('web', /^ready$/m);
  equal((await luo.run(['stop', 'web'])).code, 0);
  doesNotMatch(luo.log('web'), /held/);
  await luo.nothingIsLeft();
});

test('with --on-crash=end, the default in the foreground, all ends with the machine', { skip }, async () => {
  await using luo = new Luo();
  await crashed(luo, '--on-crash=end');
  await luo.nothingIsLeft();
  const running = luo.start(['run', '--name', 'web', '--', agent, 'crash']);
  equal((await running.result).code, 128 + 11);
  doesNotMatch(running.stderr, /held/);
  await luo.nothingIsLeft();
});

test('with --on-crash=recover a machine boots again by itself, and is held after the fourth crash in a minute', {
  skip,
}, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--on-crash=recover', '--', agent, 'crash']);
  const log = await held(luo);
  equal(log.match(/^luo: machine "web" boots again: 2 sessions, 4 files, 4\.0 MiB were held$/gm)?.length, 3);
  equal(log.match(/^ready$/gm)?.length, 4);
  await recoverAll(luo);
});

test('files of the handlers of a module come back, and a module that is gone is no reason to lose them', {
  skip,
}, async () => {
  await using luo = new Luo();
  const module = join(luo.directory, 'shared.mjs');
  const { readFileSync } = await import('node:fs');
  const source = readFileSync(new URL('../../test/agents/shared.mjs', import.meta.url), 'utf8');
  writeFileSync(module, source);
  const eventfd = compile('test/programs/eventfd.c');
  await luo.run(['run', '-d', '--name', 'web', '--module', module, '--', eventfd]);
  await eventually('the file is preserved', async () => ((await statusOf(luo)).files === 1 ? true : undefined));
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  await held(luo);
  writeFileSync(module, 'export default { name: "empty", init() {} };');
  const { code, stderr } = await luo.run(['recover', 'web']);
  equal(code, 125);
  match(
    stderr,
    /Cannot recover the machine: cannot preserve the files of session ".*" again \(ENOENT\): .*All of it is still held/,
  );
  writeFileSync(module, source);
  equal((await luo.run(['recover', 'web'])).code, 0);
});

test('of two sessions of one name, the one that was made last comes back, and the other is told of', {
  skip,
}, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', agent]);
  await luo.logMatches('web', /^ready$/m);
  equal((await luo.run(['kexec', 'web', '--', agent, 'again'])).code, 0);
  await luo.logMatches('web', /^again$/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  match(await held(luo), /is held: 3 sessions, 6 files/);
  await recoverAll(luo);
  match(
    luo.log('web'),
    /^luo: not recovered: session "a" of the last kernel: a session of the same name was made after it$/m,
  );
});

test('a machine whose keeper was killed goes on, says so, and its end leaves nothing', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--inject', 'kill_keeper:after=execute', '--', agent]);
  await luo.logMatches('web', /^ready$/m);
  await luo.logMatches(
    'web',
    /^luo: its keeper was killed, and the machine goes on: what it preserves is there for as long/m,
  );
  equal((await luo.run(['recover', 'web'])).stderr, 'luo: machine "web" runs: there is nothing to recover\n');
  equal((await luo.run(['kexec', 'web', '--', agent, 'check', ...all])).code, 0);
  await luo.logMatches('web', /^checked 4$/m);
  await luo.nothingIsLeft();
});

for (const options of [['--abi', 'v5'], ['--strict']]) {
  test(`every byte comes back with ${options.join(' ')}, too`, { skip }, async () => {
    await using luo = new Luo();
    await crashed(luo, ...options);
    await held(luo);
    await recoverAll(luo);
  });
}

test('two thousand files come back', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', '--', agent, 'many', '2000']);
  await luo.logMatches('web', /^ready$/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  match(await held(luo), /is held: 1 session, 2000 files/);
  equal((await luo.run(['recover', 'web'])).code, 0);
  await luo.logMatches('web', /^all 2000 there$/m);
  await luo.nothingIsLeft();
});

test('a signal while a machine boots again lets go of what was held, and nothing is left', { skip }, async () => {
  await using luo = new Luo();
  const slow = join(luo.directory, 'slow.mjs');
  writeFileSync(slow, 'export default { name: "slow", init() {} };');
  const running = luo.start(['run', '--on-crash=hold', '--name', 'web', '--module', slow, '--', agent, 'crash']);
  await running.warns(/is held/);
  // A module that is never loaded: the machine boots for ever.
  writeFileSync(slow, 'await new Promise(() => setInterval(() => {}, 1000)); export default {};');
  const recovering = luo.start(['recover', 'web']);
  // For a moment neither the keeper nor the machine listens.
  await eventually('the machine boots again', async () =>
    /"generation": 0,/.test((await luo.run(['ps', '--json'])).stdout) ? true : undefined,
  );
  process.kill(running.pid, 'SIGTERM');
  equal((await running.result).code, 128 + 15);
  match((await recovering.result).stderr, /SIGTERM came first/);
  await luo.nothingIsLeft();
});

for (const [habit, one] of [
  ['half', 'there'],
  ['one-finished', 'new'],
] as const) {
  test(`after a rollback (${habit}) and a crash of the machine, the version before is there with what it had`, {
    skip,
  }, async () => {
    await using luo = new Luo();
    await luo.run(['run', '-d', '--name', 'web', versions, 'serve']);
    await luo.logMatches('web', /^serves$/m);
    const { stderr } = await luo.run(['kexec', 'web', '--ready-timeout', '30', '--', versions, habit]);
    match(stderr, /Rolled back: generation 3 runs/);
    await luo.logMatches('web', new RegExp(`serve begins\n(luo: .*\n)*one is ${one}\ntwo is there\nserves\n`));
    process.kill((await statusOf(luo)).pid, 'SIGKILL');
    await held(luo);
    const { code, stdout } = await luo.run(['recover', 'web']);
    equal(code, 0);
    match(stdout, /^recovered "web" as generation 4: 2 sessions, 2 files/);
    await luo.logMatches('web', /serve begins\n(luo: .*\n)*one is there\ntwo is there\nserves\n$/);
    equal((await luo.run(['stop', 'web'])).code, 0);
    await luo.nothingIsLeft();
  });
}

test('a crash of the machine while a version is on trial leaves all that was not finished', { skip }, async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'web', versions, 'serve']);
  await luo.logMatches('web', /^serves$/m);
  const kexec = luo.run(['kexec', 'web', '--ready-timeout', '30', '--', versions, 'hang']);
  await luo.logMatches('web', /^hang begins$/m);
  process.kill((await statusOf(luo)).pid, 'SIGKILL');
  equal((await kexec).code, 125);
  await held(luo);
  // What ran last is the version that was on trial: another command says better.
  equal((await luo.run(['recover', 'web', '--', versions, 'serve'])).code, 0);
  await luo.logMatches('web', /serve begins\n(luo: .*\n)*one is there\ntwo is there\nserves\n$/);
  equal((await luo.run(['stop', 'web'])).code, 0);
  await luo.nothingIsLeft();
});
