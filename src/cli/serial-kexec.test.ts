/** Serial ports over kexec: those that are preserved, whose lines do not move, and those that are not. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { noCompiler } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import { calls, edges, levels, noted, onPort, runOnPorts, sent } from '../testing/serial.js';

const skip = noCompiler();
const S0 = '/dev/ttyS0';
const preserving = ['--preserve=ttys'];

test('a preserved port goes on with its settings, its lines and its claim, and no line moves', { skip }, async () => {
  await using luo = new Luo();
  const first = [`open::${S0}`, 'raw:57600', 'flag:hupcl:0', 'off:RTS', 'exclusive:1', 'preserve:1', 'kexec'];
  const second = ['retrieve:1', 'finish', 'speed', 'lines', 'exclusive', 'sleep:20'];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250,esp32', calls(...first, 'next', ...second), preserving);
  deepEqual(said.slice(5), [
    ...['preserve ok', 'retrieve ok', 'finish ok'],
    ...['speed 57600', 'lines DTR', 'exclusive 1'],
  ]);
  deepEqual(
    [levels(waveform, 'DTR'), levels(waveform, 'RTS')],
    [
      [0, 1],
      [0, 1, 0],
    ],
  );
  equal(noted(waveform, /ESP32: reset/), 0);
});

test('a port that is not preserved loses its lines and its settings, whatever HUPCL is', { skip }, async () => {
  await using luo = new Luo();
  const first = [`open::${S0}`, 'raw:57600', 'flag:hupcl:0', 'kexec'];
  const { said, waveform } = await onPort(
    luo,
    'ttyS0=8250',
    calls(...first, 'next', `open:k:${S0}`, 'lines'),
    preserving,
  );
  deepEqual(said.slice(3), ['open ok', 'lines']);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
});

test('bytes that were not read, and bytes that were not sent, are there after kexec', { skip }, async () => {
  await using luo = new Luo();
  const loop = [`open::${S0}`, 'raw:115200', 'write:hello', 'drain', 'sleep:20', 'in'];
  const held = ['open::/dev/ttyS1', 'raw:115200', 'flag:crtscts:1', 'write:later', 'out'];
  const preserved = ['preserve:2', 'use:0', 'preserve:1', 'kexec'];
  const second = [
    'retrieve:1',
    'retrieve:2',
    'finish',
    'use:0',
    'read:5',
    'use:1',
    'out',
    'flag:crtscts:0',
    'drain',
    'out',
  ];
  const { code, stdout, stderr, waveforms } = await runOnPorts(
    luo,
    ['ttyS0=8250,loopback', 'ttyS1=8250'],
    calls(...loop, ...held, ...preserved, 'next', ...second),
    preserving,
  );
  equal(code, 0, stderr);
  deepEqual(stdout.split('\n').slice(-9, -1), [
    ...['retrieve ok', 'retrieve ok', 'finish ok'],
    ...['read hello', 'out 5', 'flag ok', 'drain ok', 'out 0'],
  ]);
  const other = waveforms.get('ttyS1');
  ok(other !== undefined);
  equal(sent(other), 5);
});

test('a port can be preserved again and again', { skip }, async () => {
  await using luo = new Luo();
  const pass = ['retrieve:1', 'finish', 'lines', 'preserve:1', 'kexec', 'next'];
  const words = [
    `open::${S0}`,
    'raw:9600',
    'preserve:1',
    'kexec',
    'next',
    ...pass,
    ...pass,
    'retrieve:1',
    'lines',
    'write:x',
    'drain',
  ];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words), preserving);
  equal(said.filter((line) => line === 'lines DTR RTS').length, 3);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
  equal(sent(waveform), 1);
});

test('a preserved port whose session is finished without it is closed', { skip }, async () => {
  await using luo = new Luo();
  const words = [
    `open::${S0}`,
    'preserve:1',
    'kexec',
    'next',
    'sleep:100',
    'finish',
    `open:k:${S0}`,
    'lines',
    'sleep:100',
  ];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words), preserving);
  deepEqual(said.slice(-3), ['finish ok', 'open ok', 'lines']);
  const [rose = 0, fell = 0] = edges(waveform, 'DTR');
  ok(fell - rose >= 100_000, 'not before that');
});

test('a preserved port and another open of it are one port for the next kernel', { skip }, async () => {
  await using luo = new Luo();
  const words = [
    `open::${S0}`,
    'preserve:1',
    'kexec',
    'next',
    `open:k:${S0}`,
    'lines',
    'retrieve:1',
    'close:0',
    'lines',
  ];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', calls(...words), preserving);
  deepEqual(said.slice(-4), ['lines DTR RTS', 'retrieve ok', 'close ok', 'lines DTR RTS']);
  deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
});

test('ports are preserved with ports of USB, too', { skip }, async () => {
  await using luo = new Luo();
  for (const port of ['cdc-acm,arduino', 'usb-serial,esp32']) {
    await using place = new Luo();
    const words = ['open::/dev/ttyACM0', 'raw:19200', 'preserve:1', 'kexec', 'next', 'retrieve:1', 'speed', 'lines'];
    const { said, waveform } = await onPort(place, `ttyACM0=${port}`, calls(...words), preserving);
    deepEqual(said.slice(-3, -1), ['retrieve ok', 'speed 19200'], port);
    deepEqual(levels(waveform, 'DTR'), [0, 1, 0]);
  }
  deepEqual(luo.machines(), []);
});

test('a port is no file that can be preserved where nobody asked for that', { skip }, async () => {
  await using luo = new Luo();
  const { said } = await onPort(luo, 'ttyS0=8250', calls(`open::${S0}`, 'preserve:1'));
  deepEqual(said, ['open ok', 'preserve ENOENT']);
});
