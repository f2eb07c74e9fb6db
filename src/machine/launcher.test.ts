/** The process that becomes a program: it may be slow to, and it may be killed before. */
import assert from 'node:assert/strict';
import { closeSync, copyFileSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { numbers } from '../host/architecture.js';
import { syscall } from '../host/libc.js';
import { documentIn } from '../testing/agents.js';
import { launcher, launchers } from '../testing/launchers.js';
import { eventually, Luo } from '../testing/luo.js';

const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;

test('a program that takes longer to begin than the next launcher does begins all the same, and once', async () => {
  await using luo = new Luo();
  const program = join(luo.directory, 'program');
  const interpreter = join(luo.directory, 'interpreter');
  copyFileSync('/bin/sh', interpreter);
  writeFileSync(program, `#!${interpreter}\n`, { mode: 0o755 });
  // Whoever executes a file that has a lease waits until its holder lets go.
  const fd = openSync(interpreter, 'r');
  const asked = new Promise<void>((resolve) => process.once('SIGIO', resolve));
  try {
    assert.equal(syscall(numbers.fcntl, fd, F_SETLEASE, F_WRLCK), 0);
    const running = luo.start(['test', '--reporter', 'json', '--stage', program, '--stage', program]);
    await asked;
    await eventually('the next launcher is ready', () =>
      launchers().filter(({ isReady }) => isReady).length === 2 ? true : undefined,
    );
    // luo sees it a moment later.
    await setTimeout(200);
    assert.equal(syscall(numbers.fcntl, fd, F_SETLEASE, F_UNLCK), 0);
    assert.deepEqual(
      documentIn(await running.result).stages.map(({ code, runs }) => [code, runs.length]),
      [
        [0, 1],
        [0, 1],
      ],
    );
  } finally {
    closeSync(fd);
  }
});

test('a signal of the terminal that reaches the launcher first ends luo run as it would have ended the program', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', 'sleep', '1000']);
  process.kill(await launcher(false), 'SIGINT');
  const { code, signal, stderr } = await running.result;
  assert.equal(stderr, 'luo: Cannot start a program: SIGINT ended its launcher before the program began\n');
  assert.deepEqual([code, signal], [130, undefined]);
  await luo.nothingIsLeft();
});

test('a launcher that is killed before it is ready is said, with what killed it', async () => {
  await using luo = new Luo();
  const running = luo.start(['run', 'sleep', '1000']);
  process.kill(await launcher(false), 'SIGKILL');
  const { code, stderr } = await running.result;
  assert.equal(stderr, 'luo: Cannot start a program: SIGKILL ended its launcher before the program began\n');
  assert.equal(code, 125);
  await luo.nothingIsLeft();
});

test('a launcher that is killed while the modules of the first kernel load is said, and nobody waits for it', async () => {
  await using luo = new Luo();
  const module = join(luo.directory, 'slow.mjs');
  writeFileSync(module, 'await new Promise((done) => setTimeout(done, 1000)); export const init = () => {};');
  const running = luo.start(['run', '--module', module, 'sleep', '1000']);
  process.kill(await launcher(true), 'SIGKILL');
  const { code, stderr } = await running.result;
  assert.equal(stderr, 'luo: Cannot start a program: SIGKILL ended its launcher before the program began\n');
  assert.equal(code, 125);
  await luo.nothingIsLeft();
});
