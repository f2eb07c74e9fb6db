import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { openPty, openTerminal } from '../serial/testing/pty.js';
import { openByteStream } from './byte-stream.js';
import { close } from './descriptors.js';

const descriptors = () => readdirSync('/proc/self/fd').length;

test('a stream of a terminal carries bytes both ways, and tells its end', async () => {
  const { master, path } = openPty();
  const terminal = openTerminal(path);
  const [near, far] = [openByteStream(terminal), openByteStream(master)];
  near.write('up\n');
  equal(String((await once(far, 'data'))[0]), 'up\r\n');
  far.write('down\n');
  equal(String((await once(near, 'data'))[0]), 'down\n');
  far.destroy();
  await once(far, 'close');
  close(master);
  near.on('error', () => {}).resume();
  const ended = await Promise.race([once(near, 'end').then(() => 'end'), once(near, 'close').then(() => 'end')]);
  equal(ended, 'end');
  near.destroy();
  close(terminal);
});

test('a stream has a descriptor of its own, and leaves nothing behind', async () => {
  const { master, path } = openPty();
  const terminal = openTerminal(path);
  const [before, handles] = [descriptors(), process.getActiveResourcesInfo()];
  const stream = openByteStream(terminal);
  equal(descriptors(), before + 1);
  stream.destroy();
  await once(stream, 'close');
  equal(descriptors(), before);
  deepEqual(process.getActiveResourcesInfo(), handles);
  close(terminal);
  close(master);
});
