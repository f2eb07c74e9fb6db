import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo, luoCommand } from '../testing/luo.js';

const skip = noCompiler();
const agent = skip ? '' : compile('test/programs/agent.c');
const luoInScript = luoCommand.join(' ');

const line = (generation: number, sessions = '1 session, 1 file, 12.0 KiB') =>
  new RegExp(`^luo: kexec: generation ${generation}, ${sessions}, blackout \\d+\\.\\d ms$`, 'm');

test('luo kexec starts the same command again, which finds what it preserved', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait', 'two  words', '']);
  await running.says(/^count 1 wait two {2}words $/m);
  const result = await luo.run(['kexec', 'a']);
  assert.deepEqual([result.code, result.stdout], [0, '']);
  assert.match(result.stderr, line(2));
  await running.says(/^count 2 wait two {2}words $/m);
  await running.warns(line(2));
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  assert.deepEqual(running.stderr.match(/kexec/g), ['kexec'], 'one line a kexec');
});

test('luo kexec runs another command from the directory of its caller, and keeps to it', { skip }, async () => {
  await using luo = new Luo();
  const directory = join(luo.directory, 'elsewhere');
  mkdirSync(directory);
  const running = luo.start(['run', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  const command = ['sh', '-c', 'echo "in $(pwd) on $LUO_MACHINE"; exec "$0" wait "$@"', agent, '-n', '--', '\n', 'é'];
  assert.equal((await luo.run(['kexec', '--', ...command], { cwd: directory })).code, 0);
  await running.says(/^count 2 wait -n -- \n é$/m);
  assert.equal((await luo.run(['kexec', 'agent'])).code, 0);
  await running.says(/^count 3 wait -n -- \n é$/m);
  const places = running.stdout.match(/^in .*$/gm);
  assert.deepEqual(places, [`in ${directory} on agent`, `in ${directory} on agent`]);
});

test('a command that cannot be run is refused, and the program goes on with its session', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  const script = join(luo.directory, 'script');
  writeFileSync(script, '#!/there/is/none\n', { mode: 0o755 });
  for (const [command, problem] of [
    ['nonexistent', /^luo: Cannot run "nonexistent": no such command in PATH/],
    ['./nonexistent', /^luo: Cannot run ".\/nonexistent": there is no such file in /],
    ['/', /^luo: Cannot run "\/": it is a directory\n$/],
    [script, /its first line names the interpreter \/there\/is\/none, and there is no such file\n$/],
  ] as const) {
    const result = await luo.run(['kexec', 'a', '--', command]);
    assert.equal(result.code, 125);
    assert.match(result.stderr, problem);
  }
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 +1 +1 +12\.0 KiB /m);
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^count 2 wait$/m);
});

test('a command whose file turns out to be no program is replaced by the last one: nothing is lost', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait', 'first']);
  await running.says(/^count 1 wait first$/m);
  const broken = join(luo.directory, 'broken');
  writeFileSync(broken, 'MZ\0\0');
  chmodSync(broken, 0o755);
  const result = await luo.run(['kexec', 'a', '--', broken]);
  assert.equal(result.code, 125);
  const sentence =
    /^luo: Cannot run "[^"]*broken" in .*: it is no program .*\. "[^"]*agent" runs again instead: nothing was lost$/m;
  assert.match(result.stderr, sentence);
  await running.warns(sentence);
  await running.says(/^count 2 wait first$/m);
  assert.match((await luo.run(['kexec', 'a'])).stderr, line(3));
  await running.says(/^count 3 wait first$/m);
});

test('a program starts the next generation with luo kexec', { skip }, async () => {
  await using luo = new Luo();
  const script = `"$0" fork; test -e done && exec ${luoInScript} stop; touch done; exec ${luoInScript} kexec`;
  const { stdout, stderr, code } = await luo.run(['run', 'sh', '-c', script, agent]);
  assert.equal(stdout, 'count 1 fork\ncount 2 fork\n');
  assert.match(stderr, line(2));
  assert.equal(code, 128 + 15);
});

test('of several kexecs at one moment each happens or is refused, and nothing is lost', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'wait']);
  await running.says(/^count 1 wait$/m);
  const results = await Promise.all([1, 2, 3, 4].map(() => luo.run(['kexec', 'a'])));
  const done = results.filter(({ code }) => code === 0).length;
  assert.ok(done >= 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /^luo: Cannot start a live update: another one is under way/);
  }
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^count \d wait$/m);
  const last = await running.says(new RegExp(`^count ${done + 2} wait$`, 'm'));
  assert.ok(last, 'as many as generations, unless one was replaced before it could count');
});

test('a counter in a memfd counts 20 generations, and luo run says a line for each', { skip }, async () => {
  await using luo = new Luo();
  const { code, stdout, stderr } = await luo.run(['run', agent, 'until', '20']);
  assert.equal(code, 0);
  const counts = Array.from({ length: 20 }, (_, index) => `count ${index + 1} until 20\n`);
  assert.equal(stdout, counts.join(''));
  const lines = stderr.trim().split('\n');
  assert.equal(lines.length, 19);
  for (const [index, text] of lines.entries()) assert.match(text, line(index + 2));
});

test('a machine stays up while any process runs, and says so and how to stop it', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', agent, 'fork']);
  await running.warns(
    /^luo: "[^"]*agent" exited with 0; machine "a" stays up: 1 process still runs\. End it with: luo stop a$/m,
  );
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^count 2 fork$/m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  assert.equal((await running.result).code, 0, 'as the first program ended');
});

test('arguments and environment of any size survive a kexec', { skip }, async () => {
  await using luo = new Luo();
  const large = '€'.repeat(40_000);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  const script = 'echo "$# ${#1} ${#LARGE} $2"; exec sleep 1000';
  const running = luo.start(['run', 'sh', '-c', script, 'sh', large, 'end'], {
    env: { LARGE: large, LANG: 'C.UTF-8' },
  });
  const [first] = await running.says(/^2 \d+ \d+ end$/m);
  assert.equal((await luo.run(['kexec'])).code, 0);
  await running.says(new RegExp(`^${first}\n${first}$`, 'm'));
});

test('a kernel of Linux 7.3 takes over from one of the v5 series, and stays; the other way is refused', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', '--abi', 'v5', agent, 'wait']);
  const abi = async () => JSON.parse((await luo.run(['ps', '--json'])).stdout)[0].abi as string;
  await running.says(/^count 1 wait$/m);
  assert.equal(await abi(), 'v5');
  // Options may come before the name, after it, and before the command.
  for (const [args, count] of [
    [['kexec', '--abi', 'v5', 'a'], '2 wait'],
    [['kexec', 'a', '--abi', 'linux', '--', agent, 'wait', '--abi', 'v5'], '3 wait --abi v5'],
    [['kexec', 'a'], '4 wait --abi v5'],
  ] as const) {
    assert.equal((await luo.run(args)).code, 0);
    await running.says(new RegExp(`^count ${count}$`, 'm'));
  }
  assert.equal(await abi(), 'linux');
  const { code, stdout, stderr } = await luo.run(['kexec', 'a', '--abi', 'v5']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.equal(
    stderr,
    'luo: Cannot start a live update (EOPNOTSUPP): Cannot hand over to the next kernel: it reads luo-v1, and this one ' +
      'writes luo-v5. Nothing was frozen, and everything goes on\n',
  );
  assert.equal(await abi(), 'linux');
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^count 5 wait --abi v5$/m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('--extend stays over live updates of all kinds', { skip }, async () => {
  await using luo = new Luo();
  const extensions = compile('test/programs/extensions.c');
  const running = luo.start([
    'run',
    '--name',
    'a',
    '--extend',
    '--abi',
    'v5',
    'sh',
    '-c',
    'echo here; exec sleep 1000',
  ]);
  await running.says(/^here$/m);
  assert.equal((await luo.run(['kexec', 'a', '--abi', 'linux', '--', extensions, 'elsewhere'])).code, 0);
  const { code } = await running.result;
  assert.equal(code, 0);
});
