/** `luo serial`, and what is said of options that cannot be right. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { noCompiler } from '../testing/compile.js';
import { Luo, type Running } from '../testing/luo.js';
import { calls, levels, linesOf, readWaveforms } from '../testing/serial.js';

const skip = noCompiler();

/** A machine whose program has made its calls, and waits until the test writes "go on" into its directory. */
async function started(
  luo: Luo,
  ports: readonly string[],
  words: readonly string[],
  after: readonly string[] = [],
): Promise<Running> {
  const options = ports.map((port) => `--serial=${port}`);
  const file = `--waveform=${join(luo.directory, 'end.json')}`;
  const argv = calls(...words, 'say:begun', 'await:go', ...after);
  const running = luo.start(['run', '--name=m', ...options, file, '--', ...argv]);
  await running.says(/begun/);
  return running;
}

async function output(luo: Luo, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await luo.run(['serial', ...args]);
  equal(code, 0, stderr);
  return stdout;
}

test('luo serial waveform draws what the ports of a machine have done so far', { skip }, async () => {
  await using luo = new Luo();
  await started(luo, ['ttyS0=8250,arduino', 'ttyS1=8250'], ['open::/dev/ttyS0', 'off:RTS']);
  const drawn = await output(luo, 'waveform');
  match(drawn, /^DTR +▁.*┌─/m);
  equal(drawn.match(/^DTR /gm)?.length, 2);
  equal((await output(luo, 'waveform', '--port', 'ttyS1', 'm')).match(/^DTR /gm)?.length, 1);
  const ascii = await output(luo, 'waveform', '--ascii');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
  match(ascii, /^[\x00-\x7f]+$/);
  match(await output(luo, 'waveform', '--svg', '--port=ttyS0'), /^<svg[\s\S]*<\/svg>\s*$/);
  const [one, other, ...more]: unknown[] = JSON.parse(await output(luo, 'waveform', '--json'));
  match(JSON.stringify(one), /"port":"ttyS0"/);
  match(JSON.stringify(other), /"port":"ttyS1"/);
  deepEqual(more, []);
});

test('a waveform is written as the name of its file says', { skip }, async () => {
  await using luo = new Luo();
  for (const [name, pattern] of [
    ['w.svg', /^<svg/],
    ['w.json', /^\[\n/],
    ['w.txt', /^DTR/m],
  ] as const) {
    const file = join(luo.directory, name);
    equal((await luo.run(['run', '--serial=ttyS0=8250', `--waveform=${file}`, '--', 'true'])).code, 0);
    match(readFileSync(file, 'utf8'), pattern);
  }
});

test('a device that is unplugged hangs its programs up, and is gone until it is plugged in again', {
  skip,
}, async () => {
  await using luo = new Luo();
  const words = ['open::/dev/ttyACM0', 'raw:57600', 'exclusive:1'];
  const dead = ['read:1', 'write:x', 'lines', 'poll', 'open::/dev/ttyACM0', 'stat:/dev/ttyACM0', 'access:/dev/ttyACM0'];
  const back = ['say:dead', 'await:plugged', 'open:k:/dev/ttyACM0', 'speed', 'exclusive', 'lines', 'use:0', 'lines'];
  const running = await started(luo, ['ttyACM0=cdc-acm,arduino'], words, [...dead, ...back]);
  equal(await output(luo, 'unplug', 'ttyACM0'), '');
  equal(await output(luo, 'unplug', 'ttyACM0', 'm'), '', 'twice does nothing');
  await luo.startCommand(['touch', 'go']).result;
  await running.says(/dead/);
  equal(await output(luo, 'plug', 'ttyACM0'), '');
  await luo.startCommand(['touch', 'plugged']).result;
  const { code, stdout, stderr } = await running.result;
  equal(code, 0, stderr);
  deepEqual(linesOf(stdout).slice(4), [
    ...['read ', 'write EIO', 'lines EIO', 'poll 0x1d', 'open ENOENT', 'stat ENOENT', 'access ENOENT', 'dead'],
    ...['open ok', 'speed 9600', 'exclusive 0', 'lines CTS', 'lines EIO'],
  ]);
  const waveform = readWaveforms(join(luo.directory, 'end.json')).get('ttyACM0');
  deepEqual(waveform && levels(waveform, 'DTR'), [0, 1, 0]);
});

for (const [what, words] of [
  ['reads', 'read:1'],
  ['waits for a line', 'wait:CD'],
] as const) {
  test(`a program that ${what} learns that its device is unplugged`, { skip }, async () => {
    await using luo = new Luo();
    const file = join(luo.directory, 'waveform.json');
    const argv = calls('open::/dev/ttyUSB0', 'raw:9600', 'say:begun', words);
    const running = luo.start(['run', '--serial=ttyUSB0=usb-serial', `--waveform=${file}`, '--', ...argv]);
    await running.says(/begun/);
    await output(luo, 'unplug', 'ttyUSB0');
    // Where luo may not hang a terminal up, a read that waits fails.
    const pattern = process.getuid?.() === 0 ? /^(read |wait EIO)$/m : /^(read |read EIO|wait EIO)$/m;
    match((await running.result).stdout, pattern);
  });
}

const refusals: readonly (readonly [title: string, options: readonly string[], says: RegExp])[] = [
  ['a driver that there is not', ['--serial=ttyS0=8251'], /there is no driver "8251"[\s\S]*\^~~~/],
  ['a board that there is not', ['--serial=ttyS0=8250,esp33'], /there is no board "esp33"[\s\S]*\^~~~/],
  ['a name that no port has', ['--serial=com1=8250'], /"com1" is no name of a serial port/],
  ['a name twice', ['--serial=ttyS0=8250', '--serial=ttyS0=cdc-acm'], /Cannot add serial port ttyS0 twice/],
  ['a waveform of no port', ['--waveform=w.json'], /the machine has no serial port\. Add one: --serial=/],
  [
    'a waveform that cannot be written',
    ['--serial=ttyS0=8250', '--waveform=/missing/w'],
    /Cannot write the waveform: /,
  ],
  [
    'a port of the host that there is not',
    ['--serial=ttyUSB0=/dev/missing'],
    /Cannot hold \/dev\/missing as ttyUSB0: there is no such device/,
  ],
  [
    'a port of the host that is no terminal',
    ['--serial=ttyUSB0=/dev/null'],
    /Cannot hold \/dev\/null as ttyUSB0: it is no terminal/,
  ],
];

for (const [title, options, says] of refusals) {
  test(`luo run refuses ${title}, and starts nothing`, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['run', ...options, '--', 'echo', 'started']);
    deepEqual([code, stdout], [125, ''], stderr);
    match(stderr, says);
    deepEqual(luo.machines(), []);
  });
}

test('luo serial says what is wrong with the port that it was asked for', { skip }, async () => {
  await using luo = new Luo();
  await started(luo, ['ttyS0=8250', 'ttyACM0=cdc-acm'], []);
  for (const [args, says] of [
    [['unplug', 'ttyS0'], /Cannot unplug ttyS0: a port of that driver is a part of the machine/],
    [['plug', 'ttyS0'], /Cannot plug ttyS0|Cannot unplug ttyS0/],
    [['unplug', 'ttyS9'], /Cannot find serial port "ttyS9": the machine emulates ttyS0, ttyACM0/],
    [['waveform', '--port=ttyS9'], /Cannot find serial port "ttyS9"/],
    [['waveform', '--svg'], /Cannot draw 2 ports in one picture: name one of ttyS0, ttyACM0 with --port/],
    [['waveform', 'other'], /other/],
  ] as const) {
    const { code, stdout, stderr } = await luo.run(['serial', ...args]);
    deepEqual([code, stdout], [125, ''], stderr);
    match(stderr, says);
  }
});

test('luo serial says that a machine has no port', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', '--', 'sh', '-c', 'echo begun; exec sleep 1000']);
  await running.says(/begun/);
  for (const args of [['waveform'], ['unplug', 'ttyS0']]) {
    const { code, stderr } = await luo.run(['serial', ...args]);
    equal(code, 125);
    match(stderr, /Cannot find a serial port: the machine has none\. Start it with one: luo run --serial=/);
  }
});
