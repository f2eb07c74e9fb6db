import { equal, ok, throws } from 'node:assert/strict';
import { closeSync, mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { errno } from '../uapi/errno.js';
import { close, pipe } from './descriptors.js';
import { acceptFrom, connectTo, listenAt, receiveMessage, sendMessage } from './unix-socket.js';

function socketPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'luo-socket-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'socket');
}

test('a descriptor passes with a message, and is the same open file', (t) => {
  const path = socketPath(t);
  const listener = listenAt(path);
  equal(acceptFrom(listener), undefined);
  const client = connectTo(path);
  const server = acceptFrom(listener) ?? -1;
  const [read, write] = pipe();
  sendMessage(server, 'take this', write);
  sendMessage(server, 'and nothing');
  const first = receiveMessage(client);
  equal(first?.text, 'take this');
  ok(first?.descriptor !== undefined && first.descriptor !== write);
  equal(receiveMessage(client)?.descriptor, undefined);
  close(write);
  writeSync(first.descriptor, 'x');
  closeSync(first.descriptor);
  for (const fd of [read, server, client, listener]) close(fd);
});

test('messages keep their borders; none is undefined, and the end is an empty one', (t) => {
  const path = socketPath(t);
  const listener = listenAt(path);
  const client = connectTo(path);
  const server = acceptFrom(listener) ?? -1;
  equal(receiveMessage(server), undefined);
  sendMessage(client, 'one');
  sendMessage(client, 'zwölf');
  equal(receiveMessage(server)?.text, 'one');
  equal(receiveMessage(server)?.text, 'zwölf');
  close(client);
  equal(receiveMessage(server)?.text, '');
  throws(() => sendMessage(server, 'x'), { errno: errno.EPIPE });
  close(server);
  close(listener);
});

test('connectTo() says where nobody listens', (t) => {
  const path = socketPath(t);
  throws(() => connectTo(path), { errno: errno.ENOENT });
  close(listenAt(path));
  throws(() => connectTo(path), { errno: errno.ECONNREFUSED });
  throws(() => listenAt(path), { errno: errno.EADDRINUSE });
});

test('a path that is too long for a socket is refused', () => {
  throws(() => listenAt(`/tmp/${'x'.repeat(110)}`), /^RangeError: Cannot use .* at most 107 bytes/);
});
