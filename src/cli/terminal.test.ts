/** A terminal stays a terminal: for the program, for its shell's jobs, and from one generation to the next. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { compile, noCompiler } from '../testing/compile.js';
import { eventually, Luo, luoCommand, type Running } from '../testing/luo.js';

const skip = spawnSync('script', ['--version']).error ? 'there is no script: install bsdutils or util-linux' : false;

const CTRL_C = '\x03';
const CTRL_Z = '\x1a';
const CTRL_BACKSLASH = '\x1c';

/**
 * Runs a line of a shell on a terminal of its own. What is written to `type` are its keys.
 *
 * The shell is named, since `script` takes the caller's; and the line's last command takes its place by `exec`, since
 * dash, waiting for a command that handles Ctrl-C, dies of Ctrl-C itself.
 */
function onTerminal(luo: Luo, line: string): { running: Running; type(keys: string): void } {
  const running = luo.startCommand(['script', '-qec', line, '/dev/null'], {
    keepInput: true,
    env: { TERM: 'dumb', SHELL: '/bin/sh' },
  });
  return { running, type: (keys) => running.child.stdin?.write(keys) };
}

const luoRun = `exec ${luoCommand.join(' ')} run`;
const bash = `${luoRun} --name b bash --norc --noprofile -i`;

test('the program has the terminal that luo has', { skip }, async () => {
  await using luo = new Luo();
  const program = `'for fd in 0 1 2; do test -t $fd && echo terminal; done; stty size'`;
  const { running } = onTerminal(luo, `stty rows 33 cols 77; ${luoRun} sh -c ${program}`);
  const { code, stdout } = await running.result;
  assert.deepEqual([code, stdout], [0, 'terminal\r\nterminal\r\nterminal\r\n33 77\r\n']);
});

test('a program learns once that its terminal has another size', { skip }, async () => {
  await using luo = new Luo();
  const program = `'trap "echo resized" WINCH; stty rows 44 cols 99; sleep 0.3; stty size'`;
  const { running } = onTerminal(luo, `${luoRun} sh -c ${program}`);
  assert.equal((await running.result).stdout, 'resized\r\n44 99\r\n');
});

test('Ctrl-C reaches the program once, and one that handles it goes on', { skip }, async () => {
  await using luo = new Luo();
  const program = `'n=0; trap "n=\\$((n+1)); echo caught \\$n" INT; echo ready; while :; do sleep 0.05; done'`;
  const { running, type } = onTerminal(luo, `${luoRun} sh -c ${program}`);
  await running.says(/ready/);
  for (const number of [1, 2, 3]) {
    type(CTRL_C);
    await running.says(new RegExp(`caught ${number}`));
    // Time for a second one, if there were any.
    await setTimeout(200);
  }
  assert.equal(running.stdout.match(/caught/g)?.length, 3);
  type(CTRL_BACKSLASH);
  assert.equal((await running.result).code, 128 + 3);
  await luo.nothingIsLeft();
});

test('Ctrl-C that the program handles does no harm to the next generation, which waits already', {
  skip: skip || noCompiler(),
}, async () => {
  await using luo = new Luo();
  const { running, type } = onTerminal(luo, `${luoRun} ${compile('test/programs/power.c')} interrupted`);
  await running.says(/loaded/);
  type(CTRL_C);
  await setTimeout(300);
  type(CTRL_C);
  await running.says(/kexec: generation 2, [^\n]*\n(.*\n)*second/);
  assert.equal((await running.result).code, 0);
});

test('Ctrl-C ends a program that does not handle it, and its daemons', { skip: skip || noCompiler() }, async () => {
  await using luo = new Luo();
  const { running, type } = onTerminal(luo, `${luoRun} ${compile('test/programs/tree.c')} pids 2 polite`);
  await eventually('all are there', () => (countLines(join(luo.directory, 'pids')) === 5 ? true : undefined));
  type(CTRL_C);
  assert.equal((await running.result).code, 128 + 2);
  await luo.nothingIsLeft();
});

test('Ctrl-C ends what is left of a program that has ended', { skip: skip || noCompiler() }, async () => {
  await using luo = new Luo();
  const { running, type } = onTerminal(luo, `${luoRun} ${compile('test/programs/agent.c')} fork`);
  await running.says(/exited with 0; machine "agent" stays up: 1 process still runs\. End it with: luo stop agent/);
  type(CTRL_C);
  assert.equal((await running.result).code, 0, 'as the program ended');
  await luo.nothingIsLeft();
});

test('an interactive bash has job control', { skip }, async () => {
  await using luo = new Luo();
  const { running, type } = onTerminal(luo, bash);
  await running.says(/[$#] $/);
  type('sleep 1000\n');
  await running.says(/sleep 1000\r\n/);
  await setTimeout(200);
  type(CTRL_Z);
  await running.says(/\[1\]\+ +Stopped +sleep 1000/);
  type('bg; jobs; kill %1; wait; exit 5\n');
  await running.says(/\[1\]\+ +Running +sleep 1000 &/);
  assert.equal((await running.result).code, 5);
  assert.doesNotMatch(running.stdout, /no job control/);
});

test('after a kexec the next bash has the terminal, with the modes that luo started with', { skip }, async () => {
  await using luo = new Luo();
  const { running, type } = onTerminal(luo, bash);
  await running.says(/[$#] $/);
  // A full-screen program in the foreground, with modes of its own, and a group of its own.
  type(`sh -c 'stty raw -echo; echo begun; exec sleep 1000'\n`);
  await running.says(/begun/);
  const seen = running.stdout.length;
  assert.equal((await luo.run(['kexec', 'b'])).code, 0);
  await running.says(new RegExp(`^[\\s\\S]{${seen}}[\\s\\S]*[$#] $`));
  type('stty -a\n');
  await running.says(/ icanon /);
  const modes = running.stdout.slice(seen);
  for (const mode of ['icrnl', 'opost', 'isig', 'icanon', 'echo']) assert.match(modes, new RegExp(`[^-]\\b${mode}\\b`));
  type('sleep 1000\n');
  await running.says(/sleep 1000\r\n/);
  await setTimeout(200);
  type(CTRL_Z);
  await running.says(/\[1\]\+ +Stopped +sleep 1000/);
  type('bg; kill %1; wait; exit 6\n');
  assert.equal((await running.result).code, 6);
  assert.doesNotMatch(running.stdout, /no job control|cannot set terminal process group/);
});

function countLines(file: string): number {
  return existsSync(file) ? readFileSync(file, 'latin1').split('\n').length - 1 : 0;
}
