/** Connections of protocols that only the program knows, over updates: every byte once, and in its order. */
import { equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, Luo, type Running } from '../../testing/luo.js';

const programOf = (name: string) => fileURLToPath(new URL(`../../../test/programs/${name}`, import.meta.url));
const plain = (...words: string[]) => ['--', process.execPath, programOf('service-plain.mjs'), ...words];
const text = (...words: string[]) => ['--', process.execPath, programOf('service-text.mjs'), ...words];

async function start(luo: Luo, command: readonly string[]): Promise<{ running: Running; port: number }> {
  const running = luo.start(['run', '--preserve', 'sockets', '--name', 'm', ...command]);
  const [, port] = await running.says(/^1 listens (\d+)/m);
  return { running, port: Number(port) };
}

test('a connection with data in flight both ways goes on over updates, every byte in order and once', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, plain('1'));
  const conversation = new Conversation(port);
  for (const version of ['2', '3', '4']) {
    await conversation.goesOn();
    const { code, stderr } = await luo.run(['kexec', 'm', ...plain(version)]);
    equal(code, 0, stderr);
    await running.says(new RegExp(`^${version} listens ${port} 1$`, 'm'));
  }
  await conversation.goesOn();
  const sent = await conversation.end();
  await running.says(new RegExp(`^4 received ${sent} and 0 bytes$`, 'm'));
});

test('a program is told of the update that comes right after another luo has taken over its machine', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, plain('1'));
  const conversation = new Conversation(port);
  for (const version of ['2', '3']) {
    await conversation.goesOn();
    for (let count = 0; count < 2; count += 1) equal((await luo.run(['upgrade', 'm'])).code, 0);
    const { code, stderr } = await luo.run(['kexec', 'm', ...plain(version)]);
    equal(code, 0, stderr);
    await running.says(new RegExp(`^${version} listens ${port} 1$`, 'm'));
  }
  await conversation.goesOn();
  const sent = await conversation.end();
  await running.says(new RegExp(`^3 received ${sent} and 0 bytes$`, 'm'));
});

test('where one connection cannot be handed over, all go on as they were', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, plain('1', 'throws'));
  const conversations = [new Conversation(port), new Conversation(port)];
  for (const conversation of conversations) await conversation.goesOn();
  const { code, stderr } = await luo.run(['kexec', 'm']);
  equal(code, 125);
  match(stderr, /process \d+ cannot be replaced now: not now\. Nothing was frozen/);
  for (const conversation of conversations) {
    await conversation.goesOn();
    const sent = await conversation.end();
    await running.says(new RegExp(`^1 received ${sent} and 0 bytes$`, 'm'));
  }
});

test('where a client does not read what was written in time, the update does not happen, and nothing is lost', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, plain('1'));
  const conversation = new Conversation(port);
  await conversation.goesOn();
  conversation.socket.pause();
  const { code, stderr } = await luo.run(['kexec', 'm', '--drain-timeout', '0.5']);
  equal(code, 125);
  match(stderr, /was not ready to be replaced within 0\.5 s/);
  conversation.socket.resume();
  await conversation.goesOn();
  equal((await luo.run(['kexec', 'm', ...plain('2')])).code, 0);
  await conversation.goesOn();
  const sent = await conversation.end();
  await running.says(new RegExp(`^2 received ${sent} and 0 bytes$`, 'm'));
});

test('a connection that the program hands over by itself keeps half a line, and half a character', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, text('1'));
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const [before, after] = splitCharacter('é');
  socket.write('one\ntwo é');
  equal(await line(socket), '1 1 one 3\n');
  await running.says(/^1 has "two é"$/m);
  socket.write(before);
  await isRead(socket);
  equal((await luo.run(['kexec', 'm', ...text('2')])).code, 0);
  await running.says(/^2 listens \d+ true from 1$/m);
  socket.write(Buffer.concat([after, Buffer.from('\nthree\n')]));
  equal(await line(socket, 2), '2 2 two éé 6\n2 3 three 5\n');
  socket.destroy();
});

test('what the program has not taken out of a stream passes', async () => {
  await using luo = new Luo();
  const { port } = await start(luo, text('1'));
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write('pause\n');
  equal(await line(socket), '1 1 pause 5\n');
  socket.write('unréad\n');
  await isRead(socket);
  const answer = line(socket);
  equal((await luo.run(['kexec', 'm', ...text('2')])).code, 0);
  equal(await answer, '2 2 unréad 6\n');
  socket.destroy();
});

test('what the program has not taken out of a stream stays in it where the update does not happen', async () => {
  await using luo = new Luo();
  const { port } = await start(luo, text('1', 'never'));
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write('pause\n');
  equal(await line(socket), '1 1 pause 5\n');
  socket.write('unréad\n');
  await isRead(socket);
  const answer = line(socket);
  equal((await luo.run(['kexec', 'm', '--drain-timeout', '0.2'])).code, 125);
  equal(await answer, '1 2 unréad 6\n');
  socket.destroy();
});

test('where the update does not happen, it keeps them here, and what cannot be undone is said', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, text('1', 'never'));
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const [before, after] = splitCharacter('é');
  socket.write(Buffer.concat([Buffer.from('one'), before]));
  await running.says(/^1 has "one"$/m);
  for (const time of [1, 2]) {
    equal((await luo.run(['kexec', 'm', '--drain-timeout', '0.2'])).code, 125, `time ${time}`);
  }
  await running.warns(/Cannot undo what was done for an update that did not happen: Error: cannot go back/);
  socket.write(Buffer.concat([after, Buffer.from('\n')]));
  equal(await line(socket), '1 1 oneé 4\n');
  equal(running.stdout.includes('never called'), false);
  socket.destroy();
});

/** Lines, as many as are wanted. */
async function line(socket: Socket, count = 1): Promise<string> {
  let heard = '';
  while (heard.split('\n').length <= count) heard += (await once(socket, 'data'))[0];
  return heard;
}

function splitCharacter(character: string): [Buffer, Buffer] {
  const bytes = Buffer.from(character);
  return [bytes.subarray(0, 1), bytes.subarray(1)];
}

/** Waits until the other side has taken out of the kernel what was sent. */
async function isRead(socket: Socket): Promise<void> {
  await eventually('all was read', () => (queueOf(socket.remotePort, socket.localPort) === 0 ? true : undefined));
}

/** What the kernel has for the one that is connected from there: bytes. */
function queueOf(local: number | undefined, remote: number | undefined): number {
  const ends = [local, remote].map((port = 0) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  const row = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .find((one) => one.includes(ends.join(' ')));
  return Number.parseInt(row?.trim().split(/\s+/)[4]?.split(':')[1] ?? 'ffff', 16);
}

/** The numbers from 0 in both directions, 4 bytes each, cut anywhere. */
class Conversation {
  readonly socket: Socket;
  #sent = 0;
  #received = 0;
  #partial = Buffer.alloc(0);
  #wrong: string | undefined;
  readonly #timer = setInterval(() => this.#send(), 1);

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => this.#check(chunk));
    this.socket.on('close', () => clearInterval(this.#timer));
  }

  /** Waits until much more has come. */
  async goesOn(): Promise<void> {
    const enough = this.#received + 100_000;
    while (this.#received < enough) await once(this.socket, 'data');
    equal(this.#wrong, undefined);
  }

  /** Ends its side, and waits for the end of the other one. */
  async end(): Promise<number> {
    clearInterval(this.#timer);
    this.socket.end();
    await once(this.socket, 'close');
    equal(this.#wrong, undefined);
    equal(this.#partial.length, 0);
    ok(this.#sent > 0);
    return this.#sent;
  }

  #send(): void {
    if (this.socket.writableLength > 1 << 18) return;
    const block = Buffer.alloc(4 * 1031);
    for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(this.#sent++, at);
    const cut = this.#sent % block.length;
    this.socket.write(block.subarray(0, cut));
    this.socket.write(block.subarray(cut));
  }

  #check(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#partial, chunk]);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole; at += 4) {
      const number = bytes.readUInt32LE(at);
      if (number !== this.#received++) this.#wrong ??= `${number} came in the place of ${this.#received - 1}`;
    }
    this.#partial = bytes.subarray(whole);
  }
}
