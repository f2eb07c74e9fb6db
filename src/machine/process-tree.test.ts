import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { spawn } from '../host/libc.js';
import { becomeSubreaper } from '../host/processes.js';
import { eventually, isAlive } from '../testing/luo.js';
import { descendants, endProcesses, isInForeground } from './process-tree.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-tree-'));
after(() => rmSync(directory, { recursive: true }));
becomeSubreaper();

/** Starts a shell as a child of this process that Node knows nothing of. */
function shell(script: string): number {
  const env = [`PATH=${process.env['PATH']}`, `DIRECTORY=${directory}`];
  return spawn('/bin/sh', ['sh', '-c', script], env, new Map([0, 1, 2].map((fd) => [fd, fd])));
}

/** The processes that have written their numbers to a file. */
async function written(file: string, count: number): Promise<number[]> {
  return eventually(`${count} processes have begun`, () => {
    try {
      const pids = readFileSync(join(directory, file), 'latin1').trim().split('\n').map(Number);
      return pids.length === count ? pids : undefined;
    } catch {
      return undefined;
    }
  });
}

test('descendants() are all processes below, nearest first, without those that are spared', async () => {
  const script = 'sh -c "echo \\$\\$ >> $DIRECTORY/a; sleep 1000 & echo \\$! >> $DIRECTORY/a; wait" & wait';
  const child = shell(script);
  const spared = shell('sleep 1000 & wait');
  const [grandchild, last] = await written('a', 2);
  assert.deepEqual(descendants(process.pid, new Set([spared])), [child, grandchild, last]);
  assert.deepEqual(descendants(grandchild ?? 0), [last]);
  assert.deepEqual(descendants(last ?? 0), []);
  endProcesses(new Set());
  assert.deepEqual(descendants(process.pid), []);
});

test('endProcesses() ends what ignores signals, what was orphaned, and what goes on forking; not what is spared', async () => {
  const spared = shell('sleep 1000 & echo $! > $DIRECTORY/spared; wait');
  shell('trap "" TERM INT HUP; echo $$ >> $DIRECTORY/b; sleep 1000');
  shell('setsid sh -c "(echo \\$\\$ >> $DIRECTORY/b; exec sleep 1000) & exit" & exit');
  shell('echo $$ >> $DIRECTORY/b; while :; do (sleep 0.01; exit) & sleep 0.001; done');
  const pids = await written('b', 3);
  const [below] = await written('spared', 1);
  endProcesses(new Set([spared]));
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual(descendants(process.pid), [spared, below]);
  endProcesses(new Set());
  assert.deepEqual(descendants(process.pid), []);
});

test('isInForeground() is false for a process without a terminal', {
  skip: hasTerminal() && 'this one has one',
}, () => {
  assert.equal(isInForeground(), false);
});

function hasTerminal(): boolean {
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields[4] !== '0';
}
