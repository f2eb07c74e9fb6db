/** Where luo cannot work, it says why and what to do, exits with 125, and leaves nothing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo, luoCommand, type RunSettings } from '../testing/luo.js';
import { asOrdinaryUser } from '../testing/user.js';
import { errno } from '../uapi/errno.js';
import { syscallNumbers } from '../uapi/syscalls.js';

const skip = noCompiler();
const without = skip ? '' : compile('test/programs/without.c');
const numbers = syscallNumbers(process.arch);

/** Runs `luo run true` by a command that spoils something. */
async function refuses(
  luo: Luo,
  spoiler: readonly string[],
  sentence: RegExp,
  settings: RunSettings = {},
): Promise<void> {
  const { code, stderr } = await luo.run(['run', 'true'], { ...settings, prefix: spoiler });
  assert.equal(code, 125, stderr);
  assert.match(stderr, /^luo: [^\n]*\n$/, 'a sentence, and no more');
  assert.match(stderr, sentence);
  assert.deepEqual(luo.processes(), []);
  assert.deepEqual(luo.machines(), []);
}

const shell = (script: string) => ['bash', '-c', `${script}; exec "$@"`, 'bash'];

for (const [call, error, sentence] of [
  ['seccomp', 'ENOSYS', /has no seccomp user notification \(ENOSYS\)\. It needs Linux 5\.14 or later/],
  [
    'seccomp',
    'EPERM',
    /seccomp\(2\) is not allowed here \(EPERM\)\. In a container, allow it: docker run --security-opt/,
  ],
  ['pidfd_getfd', 'EPERM', /pidfd_getfd failed with EPERM\. luo must be allowed to trace its own children/],
  ['pidfd_open', 'ENOSYS', /failed with ENOSYS/],
] as const) {
  test(`luo run says what to do where ${call} gives ${error}`, { skip }, async () => {
    await using luo = new Luo();
    await refuses(luo, [without, String(numbers[call]), String(errno[error])], sentence);
  });
}

test('luo run says what to do where too few descriptors are allowed', async () => {
  await using luo = new Luo();
  await refuses(
    luo,
    shell('ulimit -n 40'),
    /with 40 descriptors \(RLIMIT_NOFILE\).* Raise the hard limit: ulimit -Hn 4096/,
  );
});

const unshare = ['unshare', process.getuid?.() === 0 ? '-m' : '-rm'];
const noUnshare = spawnSync(unshare[0] ?? '', [...unshare.slice(1), 'umount', '-l', '/proc']).status !== 0;

test('luo run says what to do where /proc is not mounted', {
  skip: noUnshare && 'unshare -m is refused here, and /proc cannot be taken away',
}, async () => {
  await using luo = new Luo();
  await refuses(
    luo,
    [...unshare, ...shell('umount -l /proc')],
    /\/proc is not mounted\. Mount it: mount -t proc proc \/proc/,
  );
});

test('luo run says what to do where its directories cannot be used', async () => {
  await using luo = new Luo();
  const file = join(luo.directory, 'file');
  writeFileSync(file, '');
  const env = (directory: string) => ({ env: { LUO_RUNTIME_DIR: directory } });
  await refuses(
    luo,
    [],
    /Cannot use the directory .*file: .*Set LUO_RUNTIME_DIR to a directory that you can/,
    env(file),
  );
  await refuses(luo, [], /Cannot use the directory .*file\/run: /, env(join(file, 'run')));
  const long = join(luo.directory, 'x'.repeat(80));
  await refuses(luo, [], /the path of a socket in it is too long\. Set LUO_RUNTIME_DIR to a shorter one/, env(long));

  const { code, stderr } = await luo.run(['run', '-d', 'true'], { env: { XDG_STATE_HOME: file } });
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^luo: Cannot use the directory .*file\/luo: .*Set XDG_STATE_HOME to a directory that you can write\n$/,
  );
  mkdirSync(join(luo.directory, 'state', 'luo', 'true.log'), { recursive: true });
  const log = await luo.run(['run', '-d', 'true']);
  assert.equal(log.code, 125);
  assert.match(
    log.stderr,
    /^luo: Cannot write the log .*true\.log: .*Set XDG_STATE_HOME to a directory that you can write\n$/,
  );
  assert.deepEqual(luo.machines(), []);
});

const ordinary = asOrdinaryUser();

test('a user who cannot use the directories of another is told so', {
  skip: typeof ordinary === 'string' ? ordinary : process.getuid?.() !== 0 && 'only root can be two users',
}, async () => {
  await using luo = new Luo();
  const prefix = typeof ordinary === 'string' ? [] : ordinary;
  chmodSync(luo.directory, 0o755);
  const directory = join(luo.directory, 'other');
  mkdirSync(directory);
  const settings = { env: { LUO_RUNTIME_DIR: directory }, cwd: '/' };
  await refuses(
    luo,
    prefix,
    /Cannot use the directory .*other: it belongs to another user\. Set LUO_RUNTIME_DIR/,
    settings,
  );
  chmodSync(luo.directory, 0o700);
  await refuses(
    luo,
    prefix,
    /Cannot use the directory .*other: .*EACCES.* Set LUO_RUNTIME_DIR to a directory/,
    settings,
  );
  const ps = await luo.run(['ps'], { ...settings, prefix });
  assert.equal(ps.code, 125);
  assert.match(ps.stderr, /^luo: Cannot look for machines in .*other \(EACCES\)\. Set LUO_RUNTIME_DIR/);
});

test('a program that preserves more than luo has descriptors for gets ENFILE, and nothing is lost', {
  skip,
}, async () => {
  await using luo = new Luo();
  const hungry = compile('test/programs/hungry.c');
  const command = [...shell('ulimit -n 100'), ...luoCommand, 'run', '--name', 'h', hungry];
  const running = luo.startCommand(command);
  const [, count] = await running.says(/^preserved (\d+)$/m);
  assert.ok(Number(count) > 10);
  await running.warns(/^luo: Cannot take more descriptors for the programs.* Raise the hard limit .*ulimit -Hn$/m);
  assert.match((await luo.run(['ps'])).stdout, new RegExp(`^h +1 +1 +1 +${count} `, 'm'));
  assert.equal((await luo.run(['kexec', 'h'])).code, 0);
  await running.says(new RegExp(`^found ${count}$`, 'm'));
  assert.equal((await luo.run(['stop', 'h'])).code, 0);
  assert.equal(running.stderr.match(/Cannot take/g)?.length, 1, 'it is said once');
});
