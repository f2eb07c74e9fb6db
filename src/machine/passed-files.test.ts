/** Sockets, pipes, event and timer descriptors and files, over a live update. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { passedKinds } from '../kernel/fs/passed-files.js';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

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
  const closed = once(client.socket, 'close');
  const { code, stderr } = await luo.run(['kexec', 'm', '--', compile('test/programs/passed-files.c'), 'finish', '-']);
  equal(code, 0, stderr);
  await closed;
  equal((await running.result).code, 0);
});

/** The other end of a connection. */
class Client {
  readonly socket: Socket;
  #heard = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes: Buffer) => {
      this.#heard += bytes.toString();
    });
    this.socket.on('error', () => this.socket.destroy());
  }

  /** Waits for exactly this, in its place. */
  async hears(text: string): Promise<void> {
    while (!this.#heard.includes(text)) await once(this.socket, 'data');
    equal(this.#heard.slice(0, text.length), text);
    this.#heard = this.#heard.slice(text.length);
  }
}
