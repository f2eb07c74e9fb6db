/** A new version that is bad is given up, and the one before it finds all that it had handed over. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo, type Result, type Running } from '../testing/luo.js';

const skip = noCompiler();
const versions = skip ? '' : compile('test/programs/versions.c');

/** A machine whose first version serves. */
async function serving(luo: Luo, options: readonly string[] = []): Promise<Running> {
  const running = luo.start(['run', '--name', 'web', ...options, versions, 'serve']);
  await running.says(/one is new\ntwo is new\nserves\n/);
  return running;
}

function update(luo: Luo, habit: string, ...options: string[]): Promise<Result> {
  return luo.run(['kexec', 'web', ...options, '--', versions, habit]);
}

async function generation(luo: Luo): Promise<number> {
  const [status] = JSON.parse((await luo.run(['ps', '--json'])).stdout) as [{ generation: number }];
  return status.generation;
}

/** The first version runs again, as generation 3. */
async function rolledBack(luo: Luo, running: Running, { code, stderr }: Result, reason: string): Promise<void> {
  assert.equal(code, 125);
  assert.ok(stderr.startsWith(`luo: Cannot keep generation 2: "${versions} `), stderr);
  assert.ok(stderr.includes(`${reason}. Rolled back: generation 3 runs "${versions} serve" again`), stderr);
  await running.says(/begins\n(.*\n)*serve begins\n(.*\n)*serves\n/);
  assert.equal(await generation(luo), 3);
}

for (const [habit, reason] of [
  ['exit', 'exited with 3 before it was ready'],
  ['crash', 'was ended by SIGABRT before it was ready'],
  ['half', 'exited with 4 before it was ready'],
  ['close', 'exited with 6 before it was ready'],
  ['hang', 'was not ready in 0.5 s; it last said "thinking about it"'],
  ['daemon', 'was not ready in 0.5 s'],
] as const) {
  test(`${habit}: a version that is bad is given up, and all sessions are there again`, { skip }, async () => {
    await using luo = new Luo();
    const running = await serving(luo);
    const timeout = reason.includes('0.5 s') ? '0.5' : '30';
    const result = await update(luo, habit, '--ready-timeout', timeout);
    await rolledBack(luo, running, result, reason);
    assert.match(result.stderr, /again, with 2 sessions, 2 files, 6 B; out of service for \d+ ms\n$/);
    await running.says(/one is there\ntwo is there\nserves\n$/);
    await luo.run(['stop', 'web']);
    await luo.nothingIsLeft();
  });
}

test('what a bad version had finished is not there again, and that is said', { skip }, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  const result = await update(luo, 'one-finished', '--ready-timeout', '30');
  await rolledBack(luo, running, result, 'exited with 5 before it was ready');
  assert.match(
    result.stderr,
    /with 1 session, 1 file, 3 B; .* Not there any more, since generation 2 had finished it: session "one"\n$/,
  );
  await running.says(/one is new\ntwo is there\nserves\n$/);
});

test('what a bad version had finished and preserved anew is there again', { skip }, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  const result = await update(luo, 'again', '--ready-by', 'notify');
  await rolledBack(luo, running, result, 'exited with 7 before it was ready');
  assert.match(result.stderr, /again, with 2 sessions, 2 files, 6 B; out of service for \d+ ms\n$/);
  await running.says(/serve begins\none is there\ntwo is there\nserves\n$/);
});

test('a version that is ready by one sign is not so by the other, where a person says which', { skip }, async () => {
  await using luo = new Luo();
  await serving(luo);
  const finished = await update(luo, 'finish', '--ready-by', 'notify', '--ready-timeout', '0.3');
  assert.match(finished.stderr, /was not ready in 0.3 s/);
  await luo.run(['stop', 'web']);
  await serving(luo);
  const { code, stderr } = await update(luo, 'notify', '--ready-by', 'finish');
  assert.equal(code, 0);
  assert.match(stderr, /: all sessions finished\n$/);
});

test('a live update for which luo has too few descriptors to go back is refused, and nothing is lost', {
  skip,
}, async () => {
  await using luo = new Luo();
  const robust = compile('examples/agent/robust.c');
  const prefix = ['sh', '-c', 'ulimit -n 400; exec "$@"', 'sh'];
  const running = luo.start(['run', '--name', 'web', 'sh', '-c', `${robust} save 1 200 && exec sleep 1000`], {
    prefix,
  });
  await running.says(/saved 1 session/);
  const { code, stderr } = await luo.run([
    'kexec',
    'web',
    '--ready-timeout',
    '30',
    '--',
    robust,
    'restore',
    '1',
    '200',
  ]);
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^luo: Cannot keep what a rollback needs: .*error 24.*\. The live update is cancelled; nothing was lost\n$/,
  );
  const next = await luo.run(['kexec', 'web', '--', robust, 'restore', '1', '200']);
  assert.equal(next.code, 0, next.stderr);
  await running.says(/restored 1 session/);
});

test('a version that starts warm has to show that it is good all the same, from its generation on', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  await rolledBack(
    luo,
    running,
    await update(luo, 'half', '--warm', '--ready-timeout', '30'),
    'exited with 4 before it was ready',
  );
  await running.says(/serve begins\none is there\ntwo is there\nserves\n$/);
  const early = await update(luo, 'exit', '--warm', '--ready-timeout', '30');
  assert.match(early.stderr, /exited with 3 before it opened \/dev\/liveupdate.*Nothing was frozen/);
  const good = await update(luo, 'notify', '--warm', '--ready-timeout', '30');
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stderr, /: kexec: generation 4, .*, ready after \d+ ms: READY=1\n$/);
  assert.deepEqual(
    readdirSync(join(luo.directory, 'run', 'web')).filter((file) => file.startsWith('notify')),
    [],
  );
});

test('a machine whose directory has no place for the socket starts no trial, and says so', { skip }, async () => {
  await using luo = new Luo();
  await serving(luo);
  writeFileSync(join(luo.directory, 'run', 'web', 'notify-2.sock'), '');
  const { code, stderr } = await update(luo, 'finish', '--ready-timeout', '30');
  assert.equal(code, 125);
  assert.match(stderr, /^luo: Cannot make \$NOTIFY_SOCKET: .*error 98.*Nothing has changed\n$/);
  assert.equal((await update(luo, 'finish')).code, 0);
});

test('a version that was given up can be followed by a good one, with nothing missing', { skip }, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  await rolledBack(
    luo,
    running,
    await update(luo, 'half', '--ready-timeout', '30'),
    'exited with 4 before it was ready',
  );
  await running.says(/one is there\ntwo is there\nserves\n$/);
  const { code, stderr } = await update(luo, 'serve', '--ready-timeout', '30');
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^luo: kexec: generation 4, 2 sessions, 2 files, 6 B, blackout [\d.]+ ms, ready after \d+ ms: all sessions finished\n$/,
  );
  await running.says(/serves\n(.*\n)*serves\n(.*\n)*one is there\ntwo is there\nserves\n$/);
});

test('READY=1 on $NOTIFY_SOCKET makes a version good, also after it asked for more time', { skip }, async () => {
  await using luo = new Luo();
  await serving(luo);
  assert.match((await update(luo, 'notify', '--ready-timeout', '30')).stderr, /, ready after \d+ ms: READY=1\n$/);
  assert.match((await update(luo, 'late', '--ready-timeout', '1')).stderr, /, ready after \d+ ms: READY=1\n$/);
  assert.equal(await generation(luo), 3);
  assert.deepEqual(
    readdirSync(join(luo.directory, 'run', 'web')).filter((file) => file.startsWith('notify')),
    [],
  );
});

test('where a command tells when a version is good, it alone does', { skip }, async () => {
  await using luo = new Luo();
  await serving(luo);
  const good = join(luo.directory, 'good');
  const updating = luo.start(['kexec', 'web', '--ready-when', 'test -e good', '--', versions, 'notify']);
  writeFileSync(good, '');
  const { code, stderr } = await updating.result;
  assert.equal(code, 0);
  assert.match(stderr, /, ready after \d+ ms: "test -e good" succeeded\n$/);
});

test('a command that never succeeds gives the version up, and says how it went the last time', { skip }, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  const result = await update(luo, 'finish', '--ready-timeout', '0.5', '--ready-when', 'exit 9');
  await rolledBack(luo, running, result, 'was not ready in 0.5 s; "exit 9" exited with 9');
  assert.match(result.stderr, /had finished it: session "one", "two"\n$/);
});

test('a command that the shell does not find is said before anything changes', { skip }, async () => {
  await using luo = new Luo();
  await serving(luo);
  const { code, stderr } = await update(luo, 'serve', '--ready-when', 'no-such-command --flag');
  assert.equal(code, 125);
  assert.equal(
    stderr,
    'luo: Cannot start a live update: --ready-when "no-such-command --flag": the shell does not find it (exit code 127). ' +
      'Nothing has changed; name a command that tells whether the service is good\n',
  );
  assert.equal(await generation(luo), 1);
});

test('a version on trial gets no other live update, and the end of its machine is the end of the trial', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  const updating = luo.start(['kexec', 'web', '--ready-timeout', '50', '--', versions, 'hang']);
  await running.says(/hang begins/);
  const other = await update(luo, 'serve');
  assert.equal(other.code, 125);
  assert.match(other.stderr, /another one is under way/);
  assert.equal((await luo.run(['stop', 'web'])).code, 0);
  assert.match((await updating.result).stderr, /ended/);
  await running.result;
  await luo.nothingIsLeft();
});

test('a version that cannot be executed is followed by the one before it on the same kernel, as without a trial', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = await serving(luo);
  const program = join(luo.directory, 'program');
  writeFileSync(program, 'MZ\0\0', { mode: 0o755 });
  const { code, stderr } = await luo.run(['kexec', 'web', '--ready-timeout', '30', '--', program]);
  assert.equal(code, 125);
  assert.match(stderr, /runs again instead: nothing was lost/);
  await running.says(/one is there\ntwo is there\nserves\n$/);
});

test('a live update on trial whose freeze is refused changes nothing', { skip }, async () => {
  await using luo = new Luo();
  const running = await serving(luo, ['--inject', 'freeze:session=two:token=1:errno=EBUSY']);
  const refused = await update(luo, 'finish', '--ready-timeout', '30');
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /EBUSY/);
  assert.equal((await update(luo, 'finish', '--ready-timeout', '30')).code, 0);
  await running.says(/took over\n$/);
});

test('a trace shows that a generation was given up', { skip }, async () => {
  await using luo = new Luo();
  const trace = join(luo.directory, 'trace');
  const running = await serving(luo, [`--trace=${trace}`]);
  await rolledBack(
    luo,
    running,
    await update(luo, 'half', '--ready-timeout', '30'),
    'exited with 4 before it was ready',
  );
  await running.says(/there\nserves\n$/);
  await luo.run(['stop', 'web']);
  const text = readFileSync(trace, 'utf8');
  assert.match(text, /--- generation 2 has ended: rollback ---/);
  assert.match(text, /generation 3/);
});
