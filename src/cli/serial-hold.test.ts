/** `luo serial`: what it says of what cannot be held. With a port, it is tested on a real Linux. */
import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { close } from '../host/descriptors.js';
import { openPty } from '../serial/testing/pty.js';
import { Luo } from '../testing/luo.js';
import { parseLines } from './serial-hold.js';

test('luo serial hold says in a sentence why it cannot hold something, in the background too', async () => {
  await using luo = new Luo();
  const { master, path } = openPty();
  const cases: [string, RegExp][] = [
    ['/dev/no-such-port', /^luo: Cannot hold \/dev\/no-such-port: there is no such device. luo serial list shows/],
    ['/etc/passwd', /^luo: Cannot hold \/etc\/passwd: it is no terminal/],
    ['/dev/null', /^luo: Cannot hold \/dev\/null: it is no terminal/],
    [path, /^luo: Cannot hold \/dev\/pts\/\d+: it is a pseudo-terminal, which has no lines that an open could move/],
  ];
  for (const [port, message] of cases) {
    const { code, stderr } = await luo.run(['serial', 'hold', port]);
    match(stderr, message);
    equal(code, 125);
  }
  const { code, stderr } = await luo.run(['serial', 'hold', '-d', path]);
  match(stderr, /^luo: Cannot hold \S+: it is a pseudo-terminal/);
  equal(code, 125);
  close(master);
  await luo.nothingIsLeft();
});

test('a holder that cannot begin leaves the log of the one that holds the port', async () => {
  await using luo = new Luo();
  const { master, path } = openPty();
  const log = join(luo.directory, 'state', 'luo', `serial-${basename(path)}.log`);
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  writeFileSync(log, 'luo: holds it\n');
  await luo.run(['serial', 'hold', '-d', path]);
  match(readFileSync(log, 'utf8'), /^luo: holds it\n/);
  close(master);
});

test('luo serial release says that nothing holds the port', async () => {
  await using luo = new Luo();
  const { master, path } = openPty();
  match((await luo.run(['serial', 'release', path])).stderr, /^luo: Cannot release \S+: no luo of yours holds it/);
  match(
    (await luo.run(['serial', 'release', '/dev/null'])).stderr,
    /^luo: Cannot release \/dev\/null: it is no terminal/,
  );
  close(master);
});

test('luo serial list works wherever there are ports, or none', async () => {
  await using luo = new Luo();
  const { stdout, code } = await luo.run(['serial', 'list', '--json']);
  equal(code, 0);
  equal(Array.isArray(JSON.parse(stdout)), true);
  match(
    (await luo.run(['serial', 'list'])).stdout,
    /^(PORT +DRIVER +DEVICE +HELD BY +LINES +OPEN IN\n|There is no serial port)/,
  );
});

test('lines are set by name, one or both', () => {
  deepEqual(parseLines(''), {});
  deepEqual(parseLines('dtr=off'), { dtr: false });
  deepEqual(parseLines('RTS=on, dtr=off'), { rts: true, dtr: false });
  for (const text of ['dtr', 'dtr=up', 'cts=on', 'dtr=on;rts=on'])
    throws(() => parseLines(text), {
      name: 'SetupError',
      message: /^Cannot set the lines to "[^"]+": write dtr=on or/,
    });
});
