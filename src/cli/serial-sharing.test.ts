/** Ports that several programs use, one after the other or at once: exclusive use, closes, hang-ups. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { calls, edges, levels, onPort, runOnPorts, sent } from '../testing/serial.js';

const skip = noCompiler();
const needsRoot = skip || (process.getuid?.() === 0 ? false : 'only root can become another user');

const S0 = '/dev/ttyS0';
const NOBODY = 'user:65534';

/** What a program says on a port with nothing connected; each call has a promise of its own in the title. */
function promise(title: string, words: readonly string[], said: readonly string[], port = 'ttyS0=8250'): void {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    deepEqual((await onPort(luo, port, calls(...words))).said, said);
  });
}

test('a port that is exclusive is busy for others, and open for root', { skip: needsRoot }, async () => {
  await using luo = new Luo();
  const words = [`open::${S0}`, 'exclusive:1', 'exclusive', `open::${S0}`];
  const others = ['fork', NOBODY, `open::${S0}`, `open:n:${S0}`, `open:k:${S0}`, 'end', 'join'];
  const freed = ['exclusive:0', 'fork', NOBODY, `open:k:${S0}`, 'end', 'join'];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words, ...others, ...freed));
  deepEqual(said, [
    ...['open ok', 'exclusive ok', 'exclusive 1', 'open ok'],
    ...['open EBUSY', 'open EBUSY', 'open EBUSY'],
    ...['exclusive ok', 'open ok'],
  ]);
  equal(edges(waveform, 'DTR').length, 2);
});

test('a claim goes with the last close, and not with that of who made it', { skip: needsRoot }, async () => {
  await using luo = new Luo();
  const other = ['fork', NOBODY, `open::${S0}`, 'end', 'join'];
  const words = [`open::${S0}`, `open::${S0}`, 'exclusive:1', 'close:1', ...other, 'close:0', ...other];
  const { said } = await onPort(luo, 'ttyS0=8250', calls(...words));
  deepEqual(said.slice(3), ['close ok', 'open EBUSY', 'close ok', 'open ok']);
});

test('the lines fall when the last descriptor is closed, by whoever has it', { skip }, async () => {
  await using luo = new Luo();
  const child = ['fork', 'close:0', 'close:1', 'sleep:50', 'end'];
  const words = [`open::${S0}`, 'dup:0', 'close:0', ...child, 'lines', 'sleep:100', 'close:1', 'sleep:30', 'join'];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words));
  deepEqual(
    said.filter((line) => line.startsWith('lines')),
    ['lines DTR RTS'],
  );
  const [rose = 0, fell = 0, ...others] = edges(waveform, 'DTR');
  ok(fell - rose >= 100_000, `${fell - rose} us`);
  deepEqual(others, []);
});

test('a program that is killed has closed its port', { skip }, async () => {
  await using luo = new Luo();
  const words = ['fork', `open::${S0}`, `ready:there`, 'sleep:60000', 'end', 'await:there', 'kill', `open:k:${S0}`];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words, 'lines'));
  deepEqual(said, ['open ok', 'open ok', 'lines']);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
});

test('two processes have one port, and what one sets the other sees', { skip }, async () => {
  await using luo = new Luo();
  const other = ['fork', `open:k:${S0}`, 'speed', 'lines', 'off:RTS', 'end', 'join'];
  const { said } = await onPort(luo, 'ttyS0=8250', calls(`open::${S0}`, 'raw:57600', ...other, 'lines'));
  deepEqual(said, ['open ok', 'raw ok', 'open ok', 'speed 57600', 'lines DTR RTS', 'off ok', 'lines DTR']);
});

test('a second open raises lines that were lowered, and one with O_NRESETDEV does not', { skip }, async () => {
  await using luo = new Luo();
  const words = [`open::${S0}`, 'set:', `open:k:${S0}`, 'lines', `open::${S0}`, 'lines'];
  const { said } = await onPort(luo, 'ttyS0=8250', calls(...words));
  deepEqual(said, ['open ok', 'set ok', 'open ok', 'lines', 'open ok', 'lines DTR RTS']);
});

test('a program without room for a descriptor gets EMFILE, and no line moves', { skip }, async () => {
  await using luo = new Luo();
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls('limit:3', `open::${S0}`, `open:k:${S0}`));
  deepEqual(said, ['open EMFILE', 'open EMFILE']);
  deepEqual([...edges(waveform, 'DTR'), ...edges(waveform, 'RTS')], []);
});

test('two ports are two: what happens on one is not seen on the other', { skip }, async () => {
  await using luo = new Luo();
  const words = [`open::${S0}`, 'open:k:/dev/ttyACM3', 'lines', 'use:0', 'lines', 'raw:9600', 'write:abc', 'drain'];
  const { code, stdout, waveforms } = await runOnPorts(luo, ['ttyS0=8250', 'ttyACM3=cdc-acm'], calls(...words));
  equal(code, 0);
  ok(stdout.includes('lines DTR RTS'));
  const [one, other] = ['ttyS0', 'ttyACM3'].map((name) => waveforms.get(name));
  ok(one !== undefined && other !== undefined);
  deepEqual([sent(one), sent(other), edges(other, 'DTR').length], [3, 0, 0]);
});

promise(
  'a descriptor of a port, named by its link, is another open of the port',
  [`open::${S0}`, 'set:', 'open::/proc/self/fd/3', 'lines', 'set:', 'open:k:/proc/self/fd/3', 'lines'],
  ['open ok', 'set ok', 'open ok', 'lines DTR RTS', 'set ok', 'open ok', 'lines'],
);
promise(
  'bytes come back from a loopback, and their number is known before they are read',
  [`open::${S0}`, 'raw:115200', 'write:hello', 'drain', 'sleep:30', 'in', 'read:5', 'in'],
  ['open ok', 'raw ok', 'write ok', 'drain ok', 'in 5', 'read hello', 'in 0'],
  'ttyS0=8250,loopback',
);
promise(
  'what cannot be sent waits for CTS, is counted, and can be thrown away',
  [`open::${S0}`, 'raw:115200', 'flag:crtscts:1', 'write:hello', 'sleep:30', 'out', 'flush', 'out'],
  ['open ok', 'raw ok', 'flag ok', 'write ok', 'out 5', 'flush ok', 'out 0'],
);
promise(
  'a wait for output that CTS holds back ends by a signal',
  [`open::${S0}`, 'raw:115200', 'flag:crtscts:1', 'write:hello', 'alarm:30', 'drain', 'out'],
  ['open ok', 'raw ok', 'flag ok', 'write ok', 'drain EINTR', 'out 5'],
);

test('a port is the same on a strict machine', { skip }, async () => {
  await using luo = new Luo();
  const words = [`open::${S0}`, 'raw:115200', 'write:hello', 'read:5', 'lines', 'poll', 'exclusive:1', 'close:0'];
  const { said } = await onPort(luo, 'ttyS0=8250,loopback', calls(...words), ['--strict']);
  deepEqual(said.slice(2), [
    'write ok',
    'read hello',
    'lines DTR RTS CTS CD DSR',
    'poll 0x4',
    'exclusive ok',
    'close ok',
  ]);
});

test('a writer that CTS holds back is held up itself, and what it wrote is kept', { skip }, async () => {
  await using luo = new Luo();
  const more = 'x'.repeat(100_000);
  const writer = ['fork', 'alarm:300', `write:${more}`, 'say:over', 'end', 'join', 'out'];
  const words = [`open::${S0}`, 'raw:115200', 'flag:crtscts:1', ...writer];
  const { said } = await onPort(luo, 'ttyS0=8250', calls(...words));
  ok(said.includes('over'));
  const [, held = '0'] = /^out (\d+)$/.exec(said.at(-1) ?? '') ?? [];
  ok(Number(held) >= 65_536 && Number(held) < 100_000, held);
});

test('a hang-up ends a port for all who have it open, and a new open works beside them', {
  skip: needsRoot,
}, async () => {
  await using luo = new Luo();
  const refused = ['fork', NOBODY, 'vhangup', 'end', 'join'];
  const dead = ['use:0', 'read:1', 'write:x', 'lines', 'poll', 'speed'];
  const words = [`open::${S0}`, 'raw:9600', ...refused, 'vhangup', ...dead, `open:k:${S0}`, 'lines', ...dead];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words));
  const ended = ['read ', 'write EIO', 'lines EIO', 'poll 0x1d', 'speed EIO'];
  deepEqual(said, ['open ok', 'raw ok', 'vhangup EPERM', 'vhangup ok', ...ended, 'open ok', 'lines', ...ended]);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
});

test('a port looks like the character device that it is on Linux', { skip }, async () => {
  await using luo = new Luo();
  const names = { ttyS0: '4 64', ttyUSB1: '188 1', ttyACM2: '166 2', ttyAMA3: '204 67', ttyX0: '240 0' };
  const words = Object.keys(names).flatMap((name) => [`stat:/dev/${name}`, `access:/dev/${name}`]);
  const ports = Object.keys(names).map((name) => `${name}=8250`);
  const { stdout } = await runOnPorts(luo, ports, calls(...words, `stat:${S0}/`, 'stat:/dev/ttyS77'));
  const each = Object.values(names).map((number) => `stat c ${number}\naccess ok\n`);
  equal(stdout, `${each.join('')}stat ENOTDIR\nstat ENOENT\n`);
});

test('ls and test see a port', async () => {
  await using luo = new Luo();
  const script =
    'ls -l /dev/ttyACM7; test -c /dev/ttyACM7 && test -w /dev/ttyACM7 && ! test -x /dev/ttyACM7 && echo seen';
  const { said } = await onPort(luo, 'ttyACM7=cdc-acm', [
    'sh',
    '-c',
    `${script}; exec 3<>/dev/ttyACM7; readlink /proc/$$/fd/3`,
  ]);
  equal(said.length, 3, said.join('\n'));
  ok(/^crw-rw-rw- .* 166, *7 .* \/dev\/ttyACM7$/.test(said[0] ?? ''), said[0]);
  deepEqual(said.slice(1), ['seen', '/dev/ttyACM7']);
});
