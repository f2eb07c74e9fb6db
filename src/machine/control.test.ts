/** Anything may connect to a machine and say anything: the machine stays well. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Luo } from '../testing/luo.js';
import { parseRequest } from './control-protocol.js';

async function reach(luo: Luo): Promise<Socket> {
  const socket = connect(join(luo.directory, 'run', 'a', 'control.sock'));
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Says something, and waits for the answer: a line, or the end of the connection. */
async function say(luo: Luo, text: string): Promise<string> {
  const socket = await reach(luo);
  const answered = new Promise<string>((resolve) => {
    socket.on('data', (part) => resolve(String(part)));
    socket.on('close', () => resolve('closed'));
  });
  socket.write(text);
  const answer = await answered;
  socket.destroy();
  return answer;
}

test('a machine answers what it does not know with an error, ends what is no JSON, and waits for the rest', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const unknown = /^\{"error":"Cannot serve a request: this version of luo does not know it"\}\n$/;
  for (const text of [
    'null',
    '5',
    '"status"',
    '[]',
    '{}',
    '{"request":"dance"}',
    '{"request":"stop"}',
    '{"request":"updates","pid":"1"}',
    '{"request":"unprepared"}',
  ]) {
    assert.match(await say(luo, `${text}\n`), unknown, text);
  }
  for (const command of ['5', 'null', '{"argv":5}', '{"argv":[1]}', '{"cwd":[]}']) {
    assert.match(await say(luo, `{"request":"kexec","command":${command}}\n`), unknown, command);
  }
  assert.match(await say(luo, '{"request":"kexec","command":{"argv":[]}}\n'), /Cannot run an empty command/);
  assert.match(
    await say(luo, '{"request":"kexec","command":{"argv":["true"],"cwd":"/none"}}\n'),
    /its working directory \/none is not there/,
  );
  for (const text of ['garbage\n', '\n', '\0\xff\n', '{"request":"status"\n'])
    assert.equal(await say(luo, text), 'closed');
  assert.equal(await say(luo, 'x'.repeat(20 << 20)), 'closed', 'a line that is too long');
  const half = await reach(luo);
  half.write('{"request":"sta');
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 /m);
  half.end('tus"}\n');
  half.destroy();
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 /m);
});

test('connections that say nothing keep a machine neither from its work nor from its end', async () => {
  await using luo = new Luo();
  await luo.run(['run', '-d', '--name', 'a', 'sleep', '1000']);
  const silent = await Promise.all(Array.from({ length: 50 }, () => reach(luo)));
  assert.match((await luo.run(['ps'])).stdout, /^a +1 +1 /m);
  assert.equal((await luo.run(['kexec', 'a'])).code, 0);
  const closed = silent.map((socket) => once(socket.resume(), 'close'));
  assert.equal((await luo.run(['stop', 'a'])).code, 0);
  await Promise.all(closed);
  await luo.nothingIsLeft();
});

test('parseRequest() takes the requests of the protocol and nothing else', () => {
  assert.deepEqual(parseRequest({ request: 'status', more: 1 }), { request: 'status', sessions: false });
  assert.deepEqual(parseRequest({ request: 'status', sessions: true }), { request: 'status', sessions: true });
  assert.deepEqual(parseRequest({ request: 'stop', timeout: 5 }), { request: 'stop', timeout: 5 });
  const command = { argv: ['a', ''], cwd: '/' };
  const kernel = { profile: 'v5', modules: ['/a'] };
  assert.deepEqual(parseRequest({ request: 'kexec', command, kernel }), { request: 'kexec', command, kernel });
  for (const part of [{}, { profile: 'linux' }, { modules: [] }]) {
    const request = { request: 'kexec', command: {}, kernel: part };
    assert.deepEqual(parseRequest(request), request);
  }
  assert.deepEqual(parseRequest({ request: 'kexec', command: {} }), { request: 'kexec', command: {}, kernel: {} });
  for (const part of [null, 5, { profile: 'v9' }, { modules: '/a' }, { modules: [1] }]) {
    assert.equal(parseRequest({ request: 'kexec', command: {}, kernel: part }), undefined);
  }
  const kexec = { request: 'kexec', command: {}, kernel: {}, drainTimeout: 5 };
  assert.deepEqual(parseRequest(kexec), kexec);
  assert.equal(parseRequest({ ...kexec, drainTimeout: '5' }), undefined);
  for (const request of [
    { request: 'updates' },
    { request: 'updates', pid: 5 },
    { request: 'prepared' },
    { request: 'prepared', number: 1 },
    { request: 'unprepared', reason: 'busy' },
    { request: 'unprepared', reason: 'busy', number: 1 },
  ]) {
    assert.deepEqual(parseRequest(request), request);
  }
  assert.equal(parseRequest({ request: 'prepared', number: '1' }), undefined);
  const warm = { request: 'kexec', command: {}, kernel: {}, warm: { timeout: 30_000 } };
  assert.deepEqual(parseRequest(warm), warm);
  const both = { ...warm, trial: { timeout: 1, cwd: '/' } };
  assert.deepEqual(parseRequest(both), { ...both, kernel: {} });
  assert.equal(parseRequest({ ...warm, trial: { timeout: 1 } }), undefined);
  for (const part of [null, true, {}, { timeout: -1 }, { timeout: '1' }]) {
    assert.equal(parseRequest({ ...warm, warm: part }), undefined);
  }
  assert.equal(parseRequest({ request: 'status', sessions: 1 }), undefined);
  for (const other of [undefined, null, 0, '', [], {}, { request: 'stop', timeout: '1' }, { request: 'kexec' }]) {
    assert.equal(parseRequest(other), undefined);
  }
});
