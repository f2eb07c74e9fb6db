/** Sockets, pipes, event and timer descriptors and files, over a live update. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { passedKinds } from '../kernel/fs/passed-kinds.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';
import type { MachineStatus } from './control-protocol.js';

const all = ['--preserve', passedKinds.join(',')];

for (const profile of ['linux', 'v5']) {
  test(`${profile}: open files pass with all that is in them, and connections do not notice`, { skip }, async () => {
    await using luo = new Luo();
    const program = compile('test/programs/passed-files.c');
    const file = join(luo.directory, 'file');
    const running = luo.start(['run', '--name', 'm', '--abi', profile, ...all, '--', program, 'save', file]);
    const [, port, udpPort] = await running.says(/^ports (\d+) (\d+)$/m);
    const client = new Client(Number(port));
    client.socket.write('abcdef');
    await client.hears('one\n');
    await running.says(/^preserved$/m);
    const update = luo.run(['kexec', 'm', '--', program, 'restore', file]);
    // While nobody may be there to read it.
    client.socket.write('ghi');
    const late = new Client(Number(port));
    late.socket.write('new');
    const sender = createSocket('udp4');
    sender.send('datagram', Number(udpPort), '127.0.0.1', () => sender.close());
    const { code, stderr } = await update;
    equal(code, 0, stderr);
    await client.hears('two\n');
    await late.hears('welcome\n');
    const result = await running.result;
    match(result.stdout, /^all is there$/m, result.stderr);
    equal(result.code, 0, result.stderr);
    equal(readFileSync(file, 'latin1'), '0123456789!');
    for (const { socket } of [client, late]) socket.destroy();
  });
}

for (const kind of passedKinds) {
  test(`with --preserve ${kind}, all other kinds are ENOENT, as on Linux`, { skip }, async () => {
    await using luo = new Luo();
    const program = compile('test/programs/passed-files.c');
    const { code, stdout, stderr } = await luo.run(['run', '--preserve', kind, '--', program, 'refused', kind]);
    deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  });
}

test('without --preserve, Linux takes none of them, and so does luo', { skip }, async () => {
  await using luo = new Luo();
  const { code, stderr } = await luo.run(['run', '--', compile('test/programs/passed-files.c'), 'refused', 'none']);
  deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('a socket that nobody asks for is closed when its session is finished', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/passed-files.c');
  const running = luo.start(['run', '--name', 'm', ...all, '--', program, 'save', join(luo.directory, 'file')]);
  const [, port] = await running.says(/^ports (\d+)/m);
  const client = new Client(Number(port));
  client.socket.write('abc');
  await running.says(/^preserved$/m);
  const { code, stderr } = await luo.run(['kexec', 'm', '--', compile('test/programs/passed-files.c'), 'finish', '-']);
  equal(code, 0, stderr);
  await client.closed;
  equal((await running.result).code, 0);
});

test('a socket that nobody asks for is closed when the next generation ends, and not before', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/passed-files.c');
  const running = luo.start(['run', '--name', 'm', ...all, '--', program, 'save', join(luo.directory, 'file')]);
  const [, port] = await running.says(/^ports (\d+)/m);
  const client = new Client(Number(port));
  client.socket.write('abc');
  await running.says(/^preserved$/m);
  equal((await luo.run(['kexec', 'm', '--', 'sleep', '1000'])).code, 0);
  // There is one end that can be connected to.
  const late = new Client(Number(port));
  await once(late.socket, 'connect');
  const closed = Promise.all([client, late].map((one) => one.closed));
  equal((await luo.run(['kexec', 'm'])).code, 0);
  await closed;
});

test('luo ps --sessions shows the kind of each file, and the size of those that have one', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/passed-files.c');
  const running = luo.start(['run', '--name', 'm', ...all, '--', program, 'save', join(luo.directory, 'file')]);
  const [, port] = await running.says(/^ports (\d+)/m);
  const client = new Client(Number(port));
  client.socket.write('abc');
  await running.says(/^preserved$/m);
  const expected = [
    ...['socket-v1', 'socket-v1', 'socket-v1', 'socket-v1', 'socket-v1', 'pipe-v1', 'pipe-v1'],
    ...['eventfd-v1', 'timerfd-v1', 'file-v1'],
  ].map((handler) => ({ handler, bytes: handler === 'file-v1' ? '10' : null }));
  deepEqual(await filesOf(luo), expected);
  equal((await luo.run(['kexec', 'm', '--', 'sleep', '1000'])).code, 0);
  deepEqual(await filesOf(luo), expected);
  client.socket.destroy();
});

test('a trace says what a file is that no handler takes, and which kind takes it', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/passed-files.c');
  const { stderr } = await luo.run(['run', '--trace', '--', program, 'refused', 'none']);
  for (const kind of passedKinds)
    match(stderr, new RegExp(`PRESERVE_FD.* ENOENT .*; luo run --preserve ${kind} has one`));
  match(stderr, /PRESERVE_FD.* ENOENT \(.*: no handler preserves a file of this kind: \/dev\/null\)/);
});

test('luo test --preserve takes the kinds, and tells of what nobody asked for', { skip }, async () => {
  await using luo = new Luo();
  const program = compile('test/programs/passed-sockets.c');
  const { code, stdout, stderr } = await luo.run(['test', ...all, '--', program, luo.directory, 'linux']);
  match(stdout + stderr, /Nothing retrieved 3 files: .* of session "pair-half"/);
  equal(code, 1);
});

async function filesOf(luo: Luo): Promise<{ handler: string; bytes: string | null }[]> {
  const { stdout } = await luo.run(['ps', '--sessions', '--json']);
  // What the command promises.
  const machines = JSON.parse(stdout) as MachineStatus[];
  const files = machines.flatMap(({ sessionList = [] }) => sessionList.flatMap((session) => session.files));
  return files.map(({ handler, bytes }) => ({ handler, bytes }));
}

/** The other end of a connection. */
class Client {
  readonly socket: Socket;
  /** Whether in order or by a reset. */
  readonly closed: Promise<void>;
  #heard = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes: Buffer) => {
      this.#heard += bytes.toString();
    });
    this.socket.on('error', () => this.socket.destroy());
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
  }

  /** Waits for exactly this, in its place. */
  async hears(text: string): Promise<void> {
    while (!this.#heard.includes(text)) await once(this.socket, 'data');
    equal(this.#heard.slice(0, text.length), text);
    this.#heard = this.#heard.slice(text.length);
  }
}
