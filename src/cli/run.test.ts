import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Luo, luoCommand, type Result } from '../testing/luo.js';

/** What a shell prints of its arguments, one a line, each in brackets. */
const printArguments = ['sh', '-c', 'printf "[%s]\\n" "$@"', 'sh'];

function quiet(code: number, stdout = ''): Result {
  return { code, signal: undefined, stdout, stderr: '' };
}

test('the exit code of the program is that of luo run', async () => {
  await using luo = new Luo();
  const codes = [0, 42, 125, 255];
  const results = await Promise.all(codes.map((code) => luo.run(['run', 'sh', '-c', `exit ${code}`])));
  assert.deepEqual(
    results,
    codes.map((code) => quiet(code)),
  );
});

test('the exit code of a program that a signal ended is 128 and the signal', async () => {
  await using luo = new Luo();
  const signals = [2, 6, 9, 13, 64];
  const results = await Promise.all(
    signals.map((signal) => luo.run(['run', 'sh', '-c', `ulimit -c 0; kill -${signal} $$`])),
  );
  assert.deepEqual(
    results,
    signals.map((signal) => quiet(128 + signal)),
  );
});

test('the exit code is there however quickly the program ends', async () => {
  await using luo = new Luo();
  const codes = Array.from({ length: 8 }, (_, index) => index + 1);
  const script = (code: number) => `(sleep 0.0${code} &) ; exit ${code}`;
  const results = await Promise.all(codes.map((code) => luo.run(['run', 'sh', '-c', script(code)])));
  assert.deepEqual(
    results.map(({ code }) => code),
    codes,
  );
});

test('a command that is not there exits with 127, and a sentence', async () => {
  await using luo = new Luo();
  for (const [command, problem] of [
    ['no-such-command', 'Cannot run "no-such-command": no such command in PATH (/bin:/usr/bin)'],
    ['./none', `Cannot run "./none": there is no such file in ${luo.directory}`],
    ['/etc/passwd/none', `Cannot run "/etc/passwd/none": there is no such file in ${luo.directory}`],
    ['', 'Cannot run an empty command: name a program after the options'],
  ] as const) {
    const result = await luo.run(['run', '--', command], { env: { PATH: '/bin:/usr/bin' } });
    assert.deepEqual([result.code, result.stderr], [127, `luo: ${problem}\n`]);
  }
  assert.deepEqual(luo.machines(), []);
});

test('a command that cannot be executed exits with 126, and a sentence', async () => {
  await using luo = new Luo();
  const file = (name: string, text: string, mode = 0o755) => {
    writeFileSync(join(luo.directory, name), text, { mode });
    return `./${name}`;
  };
  mkdirSync(join(luo.directory, 'directory'));
  for (const [command, problem] of [
    [file('plain', 'text', 0o644), /^luo: Cannot run ".\/plain": it is not executable: chmod \+x \/.*plain\n$/],
    ['./directory', /^luo: Cannot run ".\/directory": it is a directory\n$/],
    [
      file('script', '#!/no/such -x\n'),
      /its first line names the interpreter \/no\/such, and there is no such file\n$/,
    ],
    [
      file('binary', '\x7fELF\0'),
      /^luo: Cannot run ".\/binary" in .*: it is no program that this computer can run \(ENOEXEC\)\n$/,
    ],
  ] as const) {
    const result = await luo.run(['run', command]);
    assert.equal(result.code, 126);
    assert.match(result.stderr, problem);
  }
  const path = join(luo.directory, 'directory');
  const inPath = await luo.run(['run', 'plain'], { env: { PATH: `${path}:${luo.directory}` } });
  assert.equal(inPath.code, 126);
  assert.match(inPath.stderr, /^luo: Cannot run "plain": \/.*\/plain: it is not executable/);
  assert.deepEqual(luo.machines(), []);
});

test('a script without a first line that names its interpreter runs by /bin/sh', async () => {
  await using luo = new Luo();
  writeFileSync(join(luo.directory, 'script'), 'echo "$# $2"; exit 3\n', { mode: 0o755 });
  assert.deepEqual(await luo.run(['run', './script', 'a', 'b c']), quiet(3, '2 b c\n'));
});

test('arguments reach the program unchanged, its own options among them', async () => {
  await using luo = new Luo();
  const words = [
    'two  words',
    '',
    'naïve 🎉',
    'a\nb',
    '-n',
    '--name',
    'x',
    '--',
    '--help',
    '-d',
    '$HOME',
    '"\'\\',
    '*',
  ];
  const expected = quiet(0, words.map((word) => `[${word}]\n`).join(''));
  assert.deepEqual(await luo.run(['run', ...printArguments, ...words]), expected);
  assert.deepEqual(await luo.run(['run', '--name', 'm', '--', ...printArguments, ...words]), expected);
  assert.deepEqual(await luo.run(['run', '--strict', 'echo', '--version', '-d']), quiet(0, '--version -d\n'));
});

test("the environment and the working directory are the caller's, and LUO_MACHINE tells the name", async () => {
  await using luo = new Luo();
  const directory = join(luo.directory, 'with  spaces é');
  mkdirSync(directory);
  const env = { ONE: 'a\nb=c', EMPTY: '', NODE_OPTIONS: '--no-warnings', LUO_MACHINE: 'another' };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  const script = 'printf "%s|" "$ONE" "${EMPTY-unset}" "$NODE_OPTIONS" "$LUO_MACHINE"; pwd';
  const result = await luo.run(['run', '-n', 'm', 'sh', '-c', script], { cwd: directory, env });
  assert.deepEqual(result, quiet(0, `a\nb=c||--no-warnings|m|${directory}\n`));
});

test('signals have their default actions, and none is blocked', async () => {
  await using luo = new Luo();
  const { stdout } = await luo.run(['run', 'cat', '/proc/self/status']);
  // 32 and 33 belong to the C library.
  const masks = ['SigBlk', 'SigIgn', 'SigCgt'].map((name) => {
    const mask = BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(stdout)?.[1]}`);
    return mask & ~0x180000000n;
  });
  assert.deepEqual(masks, [0n, 0n, 0n]);
});

test('the program has the descriptors 0, 1 and 2 and no other, whatever luo was given', async () => {
  await using luo = new Luo();
  const script = 'exec 7</dev/null 50</dev/null; exec "$@"';
  // A pattern of the shell's would be matched with a descriptor of its own.
  const list = 'for fd in $(seq 0 99); do test -e /proc/$$/fd/$fd && echo $fd; done; true';
  const command = ['bash', '-c', script, 'bash', ...luoCommand, 'run', 'sh', '-c', list];
  assert.deepEqual(await luo.startCommand(command).result, quiet(0, '0\n1\n2\n'));
});

test('the program has the limit on descriptors that the caller has', async () => {
  await using luo = new Luo();
  const script = 'ulimit -Sn 256; "$@"; exit';
  const command = ['bash', '-c', script, 'bash', ...luoCommand, 'run', 'bash', '-c', 'ulimit -Sn; ulimit -Hn'];
  const hard = (await luo.startCommand(['bash', '-c', 'ulimit -Hn']).result).stdout;
  assert.deepEqual(await luo.startCommand(command).result, quiet(0, `256\n${hard}`));
});

test('standard input and output can be pipes, and stay blocking', async () => {
  await using luo = new Luo();
  const text = 'line\n'.repeat(100_000);
  // What Node gives its children as pipes are sockets, and those who run luo by Node too.
  assert.deepEqual(await luo.run(['run', 'cat'], { input: text }), quiet(0, text));
  const flags = 'for fd in 0 1 2; do sed -n "s/^flags:.*\\(.....\\)$/\\1/p" /proc/self/fdinfo/$fd; done';
  const script = `cat /dev/null | { "$@" 2>&1; ${flags} >&2; } | cat`;
  const command = ['sh', '-c', script, 'sh', ...luoCommand, 'run', 'sh', '-c', flags];
  const { stdout, stderr } = await luo.startCommand(command).result;
  for (const value of `${stdout}${stderr}`.trim().split('\n'))
    assert.equal(Number.parseInt(value, 8) & 0o4000, 0, value);
});

for (const closed of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
  test(`luo run works where a standard descriptor is closed: ${closed}`, async () => {
    await using luo = new Luo();
    const script = `"$@" ${closed}; echo "exit $?" >&9`;
    const program = 'echo out; echo err >&2; cat; exit 7';
    const command = ['bash', '-c', `exec 9>&1; ${script}`, 'bash', ...luoCommand, 'run', 'sh', '-c', program];
    const { stdout } = await luo.startCommand(command).result;
    assert.match(stdout, /exit 7\n$/);
  });
}

test('what is wrong with the command line exits with 125', async () => {
  await using luo = new Luo();
  for (const [args, problem] of [
    [['run'], /missing required argument 'command'/],
    [['run', '--no-such', 'true'], /unknown option '--no-such'/],
    [['run', '--abi', 'v9', 'true'], /Allowed choices are linux, v5/],
    [
      ['run', '--preserve', 'sockets,epolls', 'true'],
      /Cannot preserve files of kind "epolls": .* can preserve hugetlb, ttys, sockets/,
    ],
    [['kexec', '--abi', 'v9'], /Allowed choices are linux, v5/],
    [['kexec', '--module', 'm.mjs', '--no-modules'], /'--no-modules' cannot be used with option '--module <file>'/],
    [['kexec', 'a', 'true'], /Cannot tell what "true" is for: put -- before the command/],
    [['kexec', 'a', 'b', '--', 'true'], /Cannot tell what "b" is for: put -- before the command/],
    [['stop', '--timeout', 'soon'], /It must be a number of seconds, 0 or more/],
    [['unknown'], /unknown command 'unknown'/],
  ] as const) {
    const result = await luo.run(args);
    assert.equal(result.code, 125, args.join(' '));
    assert.match(result.stderr, problem);
  }
  assert.equal((await luo.run(['--help'])).code, 0);
  assert.match((await luo.run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a working directory that is gone is a sentence', async () => {
  await using luo = new Luo();
  const script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
  const { code, stderr } = await luo.startCommand(['sh', '-c', script, 'sh', ...luoCommand, 'run', 'true']).result;
  assert.equal(code, 125);
  assert.match(stderr, /^luo: Cannot run a command here: the working directory has been removed\. Change to one/);
});
