/** Programs that know nothing of luo on emulated serial ports, and what they do to what is connected. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { glitches } from '../devices/waveform.js';
import { noCompiler } from '../testing/compile.js';
import { Luo, luoCommand } from '../testing/luo.js';
import { calls, edges, levels, noted, onPort, readWaveforms, sent } from '../testing/serial.js';

const noC = noCompiler();
/** A program of `serialport`. */
const stream = fileURLToPath(new URL('../../test/programs/serial-stream.mjs', import.meta.url));

function without(file: string, args: readonly string[], reason: string): string | false {
  return spawnSync(file, args).error ? reason : false;
}

test('stty shows the settings that a port has when nobody has set any', async () => {
  await using luo = new Luo();
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', ['stty', '-F', '/dev/ttyS0', '-a']);
  match(said.join('\n'), /^speed 9600 baud;[\s\S]* cs8 hupcl -cstopb cread clocal -crtscts\n/);
  deepEqual(
    [levels(waveform, 'DTR'), levels(waveform, 'RTS')],
    [
      [0, 1, 0],
      [0, 1, 0],
    ],
  );
  deepEqual(edges(waveform, 'DTR'), edges(waveform, 'RTS'), 'one write each');
});

test('what stty sets is there at the next open, and the lines stay where hupcl is off', async () => {
  await using luo = new Luo();
  const script = 'stty -F /dev/ttyS0 115200 raw -hupcl && stty -F /dev/ttyS0 speed && stty -F /dev/ttyS0 -a';
  const { said, waveform } = await onPort(luo, 'ttyS0=8250', ['sh', '-c', script]);
  equal(said[0], '115200');
  match(said.join('\n'), /-hupcl[\s\S]*-icanon/);
  deepEqual(levels(waveform, 'DTR'), [0, 1]);
});

test('an Arduino resets when a port is opened, and not with O_NRESETDEV', { skip: noC }, async () => {
  for (const [flags, resets] of [
    ['', 1],
    ['k', 0],
  ] as const) {
    await using luo = new Luo();
    const { said, waveform } = await onPort(luo, 'ttyS0=8250,arduino', calls(`open:${flags}:/dev/ttyS0`, 'lines'));
    deepEqual(said, ['open ok', resets === 1 ? 'lines DTR RTS' : 'lines']);
    equal(noted(waveform, /Arduino: reset/), resets);
    equal(edges(waveform, 'RESET').length > 0, resets > 0);
    equal(edges(waveform, 'DTR').length, resets * 2, 'raised by the open, and dropped by the close');
  }
});

test('serialport of Node opens, uses and closes a port by luo/serialport, and moves no line', async () => {
  for (const port of ['ttyUSB0=usb-serial,loopback', 'ttyACM0=cdc-acm,loopback', 'ttyS0=8250,loopback']) {
    await using luo = new Luo();
    const path = `/dev/${port.split('=')[0]}`;
    const verbs = ['open', 'update', 'echo', 'drain', 'flush', 'get', 'close'];
    const { said, waveform } = await onPort(luo, port, [process.execPath, stream, path, ...verbs]);
    equal(said[0], 'echo: hello');
    equal(noted(waveform, /./), 0);
    deepEqual([...edges(waveform, 'DTR'), ...edges(waveform, 'RTS')], []);
  }
});

test('an ESP32 resets where a program lowers DTR and RTS one after the other, and not with O_NRESETDEV', {
  skip: noC,
}, async () => {
  await using luo = new Luo();
  const [plain, keeping] = ['', 'k'].map((flags) => calls(`open:${flags}:/dev/ttyS0`, 'off:DTR', 'off:RTS'));
  const lowered = await onPort(luo, 'ttyS0=8250,esp32', plain ?? []);
  equal(noted(lowered.waveform, /ESP32: reset/), 1);
  const kept = await onPort(luo, 'ttyS0=8250,esp32', keeping ?? []);
  equal(noted(kept.waveform, /ESP32: reset/), 0);
  deepEqual([...edges(kept.waveform, 'DTR'), ...edges(kept.waveform, 'RTS')], []);
});

/** What tools do to bring an ESP32 into its loader: reset with GPIO0 low. */
const intoLoader = ['off:DTR', 'on:RTS', 'sleep:100', 'on:DTR', 'off:RTS', 'sleep:50', 'off:DTR'];

test('an ESP32 goes into its loader by the sequence that tools use, and says so', { skip: noC }, async () => {
  await using luo = new Luo();
  const words = ['open::/dev/ttyS0', 'raw:115200', ...intoLoader, 'line', 'line', 'line', 'line'];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250,esp32', calls(...words));
  ok(said.includes('line waiting for download'), said.join('\n'));
  equal(noted(waveform, /waits for a download/), 1);
  const [fell, rose] = edges(waveform, 'EN');
  ok(fell !== undefined && rose !== undefined && rose - fell > 100_000, 'as long as the program held it');
});

test('a program can talk to an ESP32 that runs, with O_NRESETDEV, and goes without a trace', {
  skip: noC,
}, async () => {
  await using luo = new Luo();
  const words = ['open:k:/dev/ttyS0', 'raw:115200', 'write:hello\n', 'line'];
  const { said, waveform } = await onPort(luo, 'ttyS0=8250,esp32', calls(...words));
  deepEqual(said, ['open ok', 'raw ok', 'write ok', 'line app: hello']);
  equal(sent(waveform), 6);
  deepEqual(
    waveform.signals.filter((signal) => signal.edges.length > 0),
    [],
  );
});

test('frames of others are corrupted while a port is open on an RS-485 bus, and not with O_NRESETDEV', {
  skip: noC,
}, async () => {
  await using luo = new Luo();
  const [plain, keeping] = ['', 'k'].map((flags) => calls(`open:${flags}:/dev/ttyS0`, 'sleep:60'));
  const driven = await onPort(luo, 'ttyS0=8250,rs485-bus', plain ?? []);
  ok(noted(driven.waveform, /corrupted/) > 0);
  const quiet = await onPort(luo, 'ttyS0=8250,rs485-bus', keeping ?? []);
  equal(noted(quiet.waveform, /corrupted/), 0);
  deepEqual(levels(quiet.waveform, 'DE'), [0]);
  ok(quiet.waveform.bursts.some(({ line }) => line === 'RXD'));
});

test('a line that is set for a while is seen as long on the wire, whatever was sent before', {
  skip: noC,
}, async () => {
  await using luo = new Luo();
  const text = 'x'.repeat(960);
  const words = ['open:k:/dev/ttyS0', 'raw:9600', `write:${text}`, 'drain', 'on:RTS', 'sleep:30', 'off:RTS'];
  const { waveform } = await onPort(luo, 'ttyS0=8250', calls(...words));
  const [rose = 0, fell = 0] = edges(waveform, 'RTS');
  ok(fell - rose >= 30_000, `${fell - rose} us`);
  equal(sent(waveform), 960);
  deepEqual(glitches(waveform, 30_000), []);
});

const noSerialPython = '/usr/bin/python3 has no pyserial: install python3-serial';
const hasPyserial = spawnSync('/usr/bin/python3', ['-c', 'import serial']).status === 0;

test('pyserial resets an Arduino by opening its port, and talks to it', {
  skip: hasPyserial ? false : noSerialPython,
}, async () => {
  await using luo = new Luo();
  const script = [
    'import serial',
    'port = serial.Serial("/dev/ttyACM0", 115200, timeout=20)',
    'print(port.readline().decode().strip())',
    'port.write(b"hello\\n")',
    'print(port.readline().decode().strip(), port.cts, port.name)',
    'port.close()',
  ].join('\n');
  const { said, waveform } = await onPort(luo, 'ttyACM0=cdc-acm,arduino', ['/usr/bin/python3', '-c', script]);
  deepEqual(said, ['ready', 'hello True /dev/ttyACM0']);
  equal(noted(waveform, /Arduino: reset/), 1);
});

test('pyserial resets an ESP32 as esptool does', { skip: hasPyserial ? false : noSerialPython }, async () => {
  await using luo = new Luo();
  const script = [
    'import serial, time',
    'port = serial.Serial("/dev/ttyUSB0", 115200, timeout=20)',
    'port.dtr = False; port.rts = True; time.sleep(0.1)',
    'port.dtr = True; port.rts = False; time.sleep(0.05); port.dtr = False',
    'while b"download" not in port.readline(): pass',
    'port.exclusive = True; port.reset_input_buffer(); port.flush(); port.send_break(0.01)',
  ].join('\n');
  const { waveform } = await onPort(luo, 'ttyUSB0=usb-serial,esp32', ['/usr/bin/python3', '-c', script]);
  equal(noted(waveform, /waits for a download/), 1);
  deepEqual(levels(waveform, 'BREAK'), [0, 1, 0]);
});

test('picocom opens a port and leaves it, with the lines that it was asked for', {
  skip:
    without('picocom', ['--help'], 'there is no picocom: install it') ||
    without('script', ['--version'], 'there is no script: install bsdutils or util-linux'),
}, async () => {
  await using luo = new Luo();
  const file = join(luo.directory, 'waveform.json');
  const run = `${luoCommand.join(' ')} run --serial=ttyS0=8250,esp32 --waveform=${file} --`;
  const picocom = `${run} picocom --quiet --noreset --lower-dtr --lower-rts --baud 115200 /dev/ttyS0`;
  const running = luo.startCommand(['script', '-qec', picocom, '/dev/null'], {
    keepInput: true,
    env: { TERM: 'dumb', SHELL: '/bin/sh' },
  });
  await running.says(/app: alive for 1 s/);
  running.child.stdin?.write('hello\r\n');
  await running.says(/app: hello/);
  // Ctrl-A Ctrl-X: leave it.
  running.child.stdin?.write('\x01\x18');
  equal((await running.result).code, 0);
  const waveform = readWaveforms(file).get('ttyS0');
  ok(waveform !== undefined);
  equal(noted(waveform, /ESP32: reset/), 0, 'RTS falls before DTR');
  deepEqual(
    [levels(waveform, 'DTR'), levels(waveform, 'RTS')],
    [
      [0, 1, 0],
      [0, 1, 0],
    ],
  );
});
