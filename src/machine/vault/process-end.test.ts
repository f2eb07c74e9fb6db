import { equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { eventually } from '../../testing/luo.js';
import { isEnding, processOfThread } from './process-end.js';

test('isEnding() tells a process that goes on from one that was killed, before anybody could reap it', async () => {
  equal(isEnding(process.pid), false);
  // The shell becomes a program that reaps nobody.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = Number(String(line));
  equal(isEnding(child), false);
  process.kill(child, 'SIGKILL');
  await eventually('it is a zombie', () => (isEnding(child) ? true : undefined));
  equal(readdirSync('/proc').includes(String(child)), true, 'nobody has reaped it');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  equal(isEnding(parent.pid ?? 0), true);
});

test('processOfThread() gives the process of a thread, or the number of one that is gone', () => {
  const other =
    readdirSync('/proc/self/task')
      .map(Number)
      .find((tid) => tid !== process.pid) ?? 0;
  equal(processOfThread(other), process.pid);
  equal(processOfThread(process.pid), process.pid);
  equal(processOfThread(2 ** 22 + 1), 2 ** 22 + 1);
});
