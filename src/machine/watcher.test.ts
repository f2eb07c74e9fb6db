import assert from 'node:assert/strict';
import { readSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { close, socketPair } from '../host/descriptors.js';
import { EPOLLIN } from '../host/epoll.js';
import { Watcher } from './watcher.js';

const byte = Buffer.from('x');

async function roundsUntil(watcher: Watcher, done: () => boolean): Promise<void> {
  while (!done()) await watcher.round();
}

test('a watched descriptor calls its handler for as long as it is readable', async () => {
  const watcher = new Watcher();
  const [ours, theirs] = socketPair();
  let calls = 0;
  watcher.watch(ours, (events) => {
    assert.equal(events & EPOLLIN, EPOLLIN);
    calls += 1;
    if (calls === 3) readSync(ours, Buffer.alloc(8));
  });
  writeSync(theirs, byte);
  await roundsUntil(watcher, () => calls === 3);
  watcher.unwatch(ours);
  watcher.unwatch(ours);
  writeSync(theirs, byte);
  let later = false;
  watcher.after(20, () => {
    later = true;
  });
  await roundsUntil(watcher, () => later);
  assert.equal(calls, 3, 'it is not read any more, and not watched');
  close(ours);
  close(theirs);
});

test('deadlines come in their order, and once', async () => {
  const watcher = new Watcher();
  const order: string[] = [];
  watcher.after(40, () => order.push('late'));
  watcher.after(5, () => order.push('early'));
  watcher.after(0, () => order.push('now'));
  await roundsUntil(watcher, () => order.length === 3);
  assert.deepEqual(order, ['now', 'early', 'late']);
  let last = false;
  watcher.after(60, () => {
    last = true;
  });
  await roundsUntil(watcher, () => last);
  assert.equal(order.length, 3);
});

test("Node's own events get through while the machine waits", async () => {
  const watcher = new Watcher();
  let signals = 0;
  const count = () => {
    signals += 1;
  };
  process.on('SIGUSR2', count);
  // Longer than Node is given turns without anything of its own.
  await setTimeout(150);
  let quiet = false;
  watcher.after(150, () => {
    quiet = true;
  });
  await roundsUntil(watcher, () => quiet);
  process.kill(process.pid, 'SIGUSR2');
  await roundsUntil(watcher, () => signals === 1);
  process.off('SIGUSR2', count);

  const server = createServer((socket) => socket.end('answer'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  let answer: string | undefined;
  fetchText(address.port, (text) => {
    answer = text;
  });
  await roundsUntil(watcher, () => answer !== undefined);
  assert.equal(answer, 'answer');
  server.close();
});

function fetchText(port: number, done: (text: string) => void): void {
  let text = '';
  connect(port, '127.0.0.1')
    .on('data', (part) => {
      text += String(part);
    })
    .on('close', () => done(text));
}

test("during() lets Node's timers get through until the work is done, and passes on what comes of it", async () => {
  const watcher = new Watcher();
  let quiet = false;
  watcher.after(150, () => {
    quiet = true;
  });
  await roundsUntil(watcher, () => quiet);
  let result: string | undefined;
  watcher.during(setTimeout(300, 'done')).then((value) => {
    result = value;
  });
  await roundsUntil(watcher, () => result === 'done');
  let failure: unknown;
  watcher.during(Promise.reject(new Error('no'))).catch((error: unknown) => {
    failure = error;
  });
  await roundsUntil(watcher, () => failure instanceof Error);
});
