/** O_NRESETDEV on what is no serial port of a machine. */
import { deepEqual, equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { calls, edges, linesOf, onPort } from '../testing/serial.js';

const skip = noCompiler();

const files = ['file: ok', 'directory: ok', 'missing: ENOENT', 'null: ok', 'link: ok'];
const contradictions = ['without O_DIRECTORY', 'O_CREAT', 'O_TRUNC', 'O_PATH', 'O_TMPFILE'];
const others = [
  ...['directory to write: EISDIR', 'file as a directory: ENOTDIR', 'link, O_NOFOLLOW: ELOOP', 'socket: ENXIO'],
  ...['pipe to read: EOPNOTSUPP', 'pipe to read, O_NONBLOCK: ok', 'pipe to write, O_NONBLOCK: ENXIO'],
  ...['pipe for both: ok', 'pseudo-terminal: ok', 'master: ok', 'liveupdate: ok'],
  ...['descriptor: ok', 'descriptor: ok', 'descriptor: ok', 'standard input: ok'],
  ...['memory of luo: EACCES', 'status of luo: EACCES', 'own memory: ok'],
];
const openat2s = [
  ...['beneath: ok', 'not beneath: EXDEV', 'in root: ok', 'without links: ELOOP', 'unknown resolve: EINVAL'],
  ...['unknown flag: EINVAL', 'mode: EINVAL', 'liveupdate, openat2: ok', 'contradiction, openat2: EINVAL'],
  ...['openat: ok', 'openat of no directory: EBADF', 'absolute: ok'],
];
const asRoot = [
  ...['serial port: EOPNOTSUPP', 'console: EOPNOTSUPP', 'drive: EOPNOTSUPP', 'other mounts: EOPNOTSUPP'],
  ...['another user: EACCES', 'another root: EOPNOTSUPP'],
];

for (const [title, options] of [
  ['O_NRESETDEV opens what an open does not change, and refuses the rest', []],
  ['a machine with serial ports does the same with all other files', ['--serial=ttyS0=8250']],
] as const) {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['run', ...options, '--', compile('test/programs/serial-keep.c')]);
    equal(code, 0, `${stdout}${stderr}`);
    deepEqual(linesOf(stdout), [
      ...files,
      ...contradictions.map((name) => `${name}: EINVAL`),
      ...others,
      ...openat2s,
      'tty: ENXIO',
      ...(process.getuid?.() === 0 ? asRoot : []),
      'no room: EMFILE',
    ]);
  });
}

test('a Linux without the flag refuses whatever is no directory, and touches nothing', { skip }, async () => {
  await using luo = new Luo();
  const { stdout } = await luo.startCommand([compile('test/programs/serial-keep.c'), 'plain']).result;
  const refused = files.map((line) => line.replace(/^(file|null|link): ok$/, '$1: ENOTDIR'));
  deepEqual(linesOf(stdout), refused);
});

const noPython = spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3';

test('O_NRESETDEV on a port goes with O_DIRECTORY, and with nothing that makes files', { skip: noPython }, async () => {
  await using luo = new Luo();
  const script = [
    'import os',
    'def show(flags):',
    '  try: os.close(os.open("/dev/ttyS0", flags)); print("ok")',
    '  except OSError as error: print(os.strerror(error.errno))',
    'bit = 1 << 23',
    'for flags in [bit, os.O_DIRECTORY, bit | os.O_DIRECTORY, bit | os.O_DIRECTORY | os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_DIRECT]:',
    '  show(os.O_RDWR | flags)',
  ].join('\n');
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', ['python3', '-c', script]);
  deepEqual(said, ['Invalid argument', 'Not a directory', 'ok', 'Invalid argument', 'File exists', 'Invalid argument']);
  deepEqual(edges(waveform, 'DTR'), []);
});

test('a port whose outputs cannot be kept is refused with O_NRESETDEV, and untouched', { skip }, async () => {
  await using luo = new Luo();
  const { said, waveform } = await onPort(luo, 'ttyS0=wired-enable', calls('open:k:/dev/ttyS0'));
  deepEqual(said, ['open EOPNOTSUPP']);
  deepEqual([...edges(waveform, 'DTR'), ...edges(waveform, 'RTS')], []);
});
