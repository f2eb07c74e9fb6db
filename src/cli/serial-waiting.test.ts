/** Calls on serial ports that wait: opens without carrier, and waits for a line. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { calls, levels, onPort, readWaveforms } from '../testing/serial.js';

const skip = noCompiler();
const S0 = '/dev/ttyS0';
const MODEM = 'ttyS0=8250,modem';
/** Leaves the port closed, with its lines up, and such that the next open waits. */
const waitsNext = [`open:n:${S0}`, 'raw:9600', 'flag:clocal:0', 'flag:hupcl:0', 'close:0'];
const waitsNextHup = [`open:n:${S0}`, 'raw:9600', 'flag:clocal:0', 'close:0'];
/** Dials from another process, and keeps the line until it is killed. */
const dials = (ready: string) => [...['fork', `await:${ready}`, `open:n:${S0}`, 'write:ATDT1\r', 'sleep:60000', 'end']];

test('an open without CLOCAL waits for carrier, and has the port when that comes', { skip }, async () => {
  await using luo = new Luo();
  const words = [...waitsNext, ...dials('go'), 'lines', 'ready:go', `open::${S0}`, 'lines', 'kill'];
  const { said, waveform } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(-2), ['open ok', 'lines DTR RTS CTS CD DSR']);
  equal(said.filter((line) => line === 'open ok').length, 3);
  deepEqual(levels(waveform, 'DCD').slice(0, 2), [0, 1]);
});

test('an open that waits is interrupted by a signal, and lets go of the lines', { skip }, async () => {
  await using luo = new Luo();
  const words = [...waitsNextHup, 'alarm:50', `open::${S0}`, `open:n:${S0}`, 'lines'];
  const { said, waveform } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(-3), ['open EINTR', 'open ok', 'lines DTR RTS CTS DSR']);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0, 1, 0, 1, 0]);
});

test('a signal with SA_RESTART lets an open wait on', { skip }, async () => {
  await using luo = new Luo();
  const words = [...waitsNext, ...dials('go'), 'restart:50', 'ready:go', `open::${S0}`, 'lines', 'kill'];
  const { said } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(-2), ['open ok', 'lines DTR RTS CTS CD DSR']);
});

test('a program that is killed while its open waits leaves the port closed', { skip }, async () => {
  await using luo = new Luo();
  const waiter = ['fork', 'ready:there', `open::${S0}`, 'say:never', 'end', 'await:there', 'blocked', 'kill'];
  const { said, waveform } = await onPort(luo, MODEM, calls(...waitsNextHup, ...waiter, `open:nk:${S0}`, 'lines'));
  deepEqual(said.slice(-2), ['open ok', 'lines CTS DSR']);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0, 1, 0]);
});

test('an open with O_NONBLOCK works beside one that waits, which goes on after its close', { skip }, async () => {
  await using luo = new Luo();
  const waiter = ['fork', 'ready:there', `open::${S0}`, 'lines', 'end', 'await:there', 'blocked'];
  const beside = [`open:n:${S0}`, 'set:', 'lines', 'close:1', 'sleep:50', `open:n:${S0}`, 'lines'];
  const words = [...waitsNextHup, ...waiter, ...beside, 'write:ATDT1\r', 'join'];
  const { said, waveform } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(5), [
    ...['set ok', 'lines CTS DSR', 'close ok', 'open ok', 'lines DTR RTS CTS DSR', 'write ok'],
    ...['open ok', 'lines DTR RTS CTS CD DSR'],
  ]);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0, 1, 0, 1, 0]);
});

test('carrier that goes hangs a port up that looks at it: reads end, and writes fail', { skip }, async () => {
  await using luo = new Luo();
  const dial = ['write:ATE0DT1\r', 'write:ATDT1\r', 'wait:CD', 'flag:clocal:0', 'lines'];
  // The other side of the connection hangs up when DTR falls for a moment.
  const words = [`open:n:${S0}`, 'raw:9600', ...dial, 'off:DTR', 'sleep:20', 'lines', 'write:x', 'poll'];
  const { said, waveform } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(-5), ['lines DTR RTS CTS CD DSR', 'off ok', 'lines EIO', 'write EIO', 'poll 0x1d']);
  deepEqual(levels(waveform, 'RTS'), [0, 1, 0]);
});

test('a wait for a line ends when the line changes, for all who wait for it and for no others', { skip }, async () => {
  await using luo = new Luo();
  const other = (line: string) => ['fork', `wait:${line}`, `say:saw ${line}`, 'end'];
  const words = [
    `open:n:${S0}`,
    'raw:9600',
    ...other('CD'),
    ...other('RI'),
    'write:ATDT1\r',
    'wait:CD',
    'lines',
    'kill',
  ];
  const { said } = await onPort(luo, MODEM, calls(...words, 'sleep:50'));
  deepEqual(said.slice(3).sort(), ['lines DTR RTS CTS CD DSR', 'saw CD', 'wait ok', 'wait ok']);
});

test('a wait for a line is interrupted by a signal, and goes on after one with SA_RESTART', { skip }, async () => {
  await using luo = new Luo();
  const words = [`open:n:${S0}`, 'raw:9600', 'alarm:40', 'wait:CD', 'restart:40', 'write:ATDT1\r', 'wait:CD'];
  const { said } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.slice(-3), ['wait EINTR', 'write ok', 'wait ok']);
});

test('a wait for a line ends with EIO when the port is hung up', {
  skip: skip || (process.getuid?.() === 0 ? false : 'only root can hang a port up'),
}, async () => {
  await using luo = new Luo();
  const words = [`open:n:${S0}`, 'fork', 'wait:CD', 'end', 'blocked', 'vhangup', 'join'];
  const { said } = await onPort(luo, MODEM, calls(...words));
  deepEqual(said.sort(), ['open ok', 'vhangup ok', 'wait EIO']);
});

test('a machine can be stopped while programs wait for carrier and for lines', { skip }, async () => {
  await using luo = new Luo();
  const file = join(luo.directory, 'waveform.json');
  const words = [`open:n:${S0}`, 'flag:clocal:0', 'fork', `open::${S0}`, 'end', 'say:waits', 'wait:RI'];
  const running = luo.start(['run', '--name=w', `--serial=${MODEM}`, `--waveform=${file}`, '--', ...calls(...words)]);
  await running.says(/waits/);
  equal((await luo.run(['stop', 'w'])).code, 0);
  equal((await running.result).code, 128 + 15);
  const waveform = readWaveforms(file).get('ttyS0');
  ok(waveform !== undefined);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
});

const noPython = spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3';

test('a break of any length keeps no machine from its other programs', { skip: noPython }, async () => {
  await using luo = new Luo();
  const script = 'import fcntl; print(fcntl.ioctl(open("/dev/ttyS0", "wb", 0), 0x5425, -1))';
  const { said, waveform } = await onPort(luo, 'ttyS0=8250,rs485-bus', ['python3', '-c', script]);
  deepEqual(said, ['0']);
  deepEqual(levels(waveform, 'BREAK'), [0, 1, 0]);
});
