import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineStatus, SessionStatus } from '../machine/control-protocol.js';
import { compile, noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

const skip = noCompiler();
const names = skip ? '' : compile('test/programs/names.c');

async function json(luo: Luo): Promise<readonly SessionStatus[]> {
  const machines = JSON.parse((await luo.run(['ps', '--sessions', '--json'])).stdout) as MachineStatus[];
  const [{ sessionList } = assert.fail('no machine')] = machines;
  return sessionList ?? assert.fail('no sessions');
}

const heading = 'MACHINE  SESSION';

test('luo ps --sessions shows nothing but its heading where there is no session', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const { code, stdout } = await luo.run(['ps', '--sessions']);
  assert.deepEqual([code, stdout], [0, `${heading}  DIRECTION  STATE  RETRIEVED  HANDLER  SIZE\n`]);
  assert.deepEqual(await json(luo), []);
});

test('luo ps --sessions shows each session and each of its files, before a live update and after', {
  skip,
}, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', names]);
  await running.says(/^created$/m);
  const rows = async () => {
    const { stdout } = await luo.run(['ps', '--sessions']);
    assert.ok(stdout.startsWith(heading));
    return stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((row) => row.replace(/ {2,}/g, ' | '));
  };
  assert.deepEqual(await rows(), [
    'a | "text" | outgoing | prepared | - | 2 files | 3.0 MiB',
    ' | token 0x1 | - | memfd-v2 | 4 KiB',
    ' | token 0xffffffffffffffff | - | memfd-v2 | 3 MiB',
    'a | "größe \\"a\\\\b\\"\\n\\u009b" | outgoing | normal | - | 0 files | 0 B',
    'a | "\\xff\\x1b[m\\x22" | outgoing | prepared | - | 1 file | 1 B',
    ' | token 0x0 | - | memfd-v2 | 1 B',
  ]);

  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^retrieved$/m);
  assert.deepEqual(await rows(), [
    'a | "text" | incoming | updated | yes | 2 files | 3.0 MiB',
    ' | token 0x1 | yes | memfd-v2 | 4 KiB',
    ' | token 0xffffffffffffffff | no | memfd-v2 | 3 MiB',
    'a | "größe \\"a\\\\b\\"\\n\\u009b" | incoming | normal | no | 0 files | 0 B',
    'a | "\\xff\\x1b[m\\x22" | incoming | updated | no | 1 file | 1 B',
    ' | token 0x0 | no | memfd-v2 | 1 B',
  ]);
  assert.match((await luo.run(['ps'])).stdout, /^a +2 +1 +3 +3 +0 B +updated /m);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});

test('luo ps --sessions --json has names as text and as bytes, and numbers of 64 bits as text', { skip }, async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--name', 'a', names]);
  await running.says(/^created$/m);
  const created = { direction: 'outgoing', retrieved: null };
  const file = { handler: 'memfd-v2', retrieved: null };
  assert.deepEqual(await json(luo), [
    {
      name: 'text',
      nameHex: '74657874',
      ...created,
      state: 'prepared',
      files: [
        { ...file, token: '1', bytes: '4096' },
        { ...file, token: '18446744073709551615', bytes: '3145728' },
      ],
    },
    {
      name: 'größe "a\\b"\n\x9b',
      nameHex: '6772c3b6c39f652022615c62220ac29b',
      ...created,
      state: 'normal',
      files: [],
    },
    {
      name: '\\xff\x1b[m"',
      nameHex: 'ff1b5b6d22',
      ...created,
      state: 'prepared',
      files: [{ ...file, token: '0', bytes: '1' }],
    },
  ]);

  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  await running.says(/^retrieved$/m);
  const sessions = await json(luo);
  assert.deepEqual(
    sessions.map(({ name, direction, state, retrieved }) => [name, direction, state, retrieved]),
    [
      ['text', 'incoming', 'updated', true],
      ['größe "a\\b"\n\x9b', 'incoming', 'normal', false],
      ['\\xff\x1b[m"', 'incoming', 'updated', false],
    ],
  );
  assert.deepEqual(sessions[0]?.files, [
    { token: '1', handler: 'memfd-v2', bytes: '4096', retrieved: true },
    { token: '18446744073709551615', handler: 'memfd-v2', bytes: '3145728', retrieved: false },
  ]);
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
});
