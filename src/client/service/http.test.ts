/** A service of HTTP that is updated: no connection is refused, and no byte lost. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo, type Running } from '../../testing/luo.js';

const program = fileURLToPath(new URL('../../../test/programs/service-http.mjs', import.meta.url));
const service = (...words: string[]) => ['--', process.execPath, program, ...words];

/** Starts version 1. */
async function start(
  luo: Luo,
  behaviour = 'well',
  where = '0',
  abi = 'linux',
): Promise<{ running: Running; port: number }> {
  const options = ['--preserve', 'sockets', '--name', 'm', '--abi', abi];
  const running = luo.start(['run', ...options, ...service('1', behaviour, where)]);
  const [, port] = await running.says(/^1 listens (\d+) passes false 0$/m);
  return { running, port: Number(port) };
}

/** Replaces it by a version. */
async function update(luo: Luo, running: Running, version: string, ...words: string[]): Promise<void> {
  const { code, stderr } = await luo.run(['kexec', 'm', ...service(version, ...words)]);
  equal(code, 0, stderr);
  await running.says(new RegExp(`^${version} listens`, 'm'));
}

test('a load of requests, with and without keep-alive, goes on over updates: none fails and none is refused', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  using load = new Load(port);
  for (const version of ['2', '3', '4']) {
    await load.isAnsweredBy(String(Number(version) - 1));
    await update(luo, running, version);
  }
  await load.isAnsweredBy('4');
  await load.end();
  deepEqual(load.errors, []);
  ok(load.answers > 100);
});

test('a connection that is idle is the same one in the next version, and what comes meanwhile is read there', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const client = new Client({ port, host: '127.0.0.1' });
  await client.asks('GET /a', /^1 \/a $/);
  const silent = new Client({ port, host: '127.0.0.1' });
  await once(silent.socket, 'connect');
  const updated = update(luo, running, '2');
  await running.says(/^1 is drained$/m);
  const answer = client.asks('GET /b', /^2 \/b $/);
  const late = new Client({ port, host: '127.0.0.1' }).asks('GET /c', /^2 \/c $/);
  await updated;
  await Promise.all([answer, late, silent.asks('GET /first', /^2 \/first $/)]);
  await running.says(/^2 listens \d+ passes true [12]$/m);
});

test('a request that is being answered or sent is answered by the version that has begun it', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const held = new Client({ port, host: '127.0.0.1' });
  const answer = held.asks('GET /held', /^1 \/held $/);
  const large = get({ port, path: '/large', agent: false, headers: { connection: 'close' } });
  const half = new Client({ port, host: '127.0.0.1' });
  half.socket.write('POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
  const torn = new Client({ port, host: '127.0.0.1' });
  torn.socket.write('G');
  await running.says(/(holds[\s\S]*){2}/);
  const updated = update(luo, running, '2');
  await running.says(/^1 is asked, 30000 ms$/m);
  await answer;
  equal(running.stdout.includes('1 is drained'), false);
  const [stream] = await once(large, 'response');
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  equal(bytes, 64 << 20);
  half.socket.write('cd');
  await half.hears(/^1 \/half abcd$/);
  torn.socket.write('ET /torn HTTP/1.1\r\nHost: a\r\n\r\n');
  await torn.hears(/^1 \/torn $/);
  await updated;
  for (const client of [held, half, torn]) await client.asks('GET /more', /^2 \/more $/);
});

test('a client that does not wait for answers gets all of them, from one version or the next', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  let sent = 0;
  const feed = setInterval(() => {
    for (let i = 0; i < 10; i++) socket.write(`GET /${sent++} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }, 2);
  const answered = () => [...heard.matchAll(/\d+ \/(\d+) (?=HTTP|$)/g)].map(([, number]) => Number(number));
  while (answered().length < 50) await once(socket, 'data');
  await update(luo, running, '2');
  clearInterval(feed);
  while (answered().length < sent) await once(socket, 'data');
  deepEqual(
    answered(),
    Array.from({ length: sent }, (_, index) => index),
  );
  ok(heard.includes('1 /') && heard.includes('2 /'));
  socket.destroy();
});

test('with --warm the last version serves for as long as the next one starts, and gets ready after that', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  using load = new Load(port);
  const client = new Client({ port, host: '127.0.0.1' });
  await client.asks('GET /a', /^1 \/a $/);
  for (const version of ['2', '3']) {
    const last = Number(version) - 1;
    const warm = await luo.run(['kexec', 'm', '--warm', ...service(version, 'asks', String(port))]);
    equal(warm.code, 0, warm.stderr);
    await running.says(
      new RegExp(`^${version} heard: ${last} /meanwhile[\\s\\S]*^${last} is drained[\\s\\S]*^${version} listens`, 'm'),
    );
    await client.asks('GET /b', new RegExp(`^${version} /b $`));
  }
  await load.end();
  deepEqual(load.errors, []);
});

test('with --warm a service that is not ready in time goes on, and the next version is gone', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'never');
  const options = ['--warm', '--drain-timeout', '0.5'];
  const { code, stderr } = await luo.run(['kexec', 'm', ...options, ...service('2', 'asks', String(port))]);
  equal(code, 125);
  match(stderr, /process \d+ was not ready to be replaced within 0\.5 s/);
  await running.says(/^2 heard: 1 [\s\S]*^1 goes on/m);
  match((await luo.run(['ps'])).stdout, /^m +1 +1 /m);
  await new Client({ port, host: '127.0.0.1' }).asks('GET /after', /^1 \/after $/);
});

test('with --warm a next version that is killed while the last one gets ready changes nothing', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'never');
  const kexec = luo.run(['kexec', 'm', '--warm', ...service('2', 'says-pid')]);
  const [, pid] = await running.says(/^2 is (\d+)[\s\S]*^1 is asked/m);
  process.kill(Number(pid), 'SIGKILL');
  const { code, stderr } = await kexec;
  equal(code, 125);
  match(stderr, /was ended by SIGKILL before it/);
  await running.says(/^1 goes on/m);
  await new Client({ port, host: '127.0.0.1' }).asks('GET /after', /^1 \/after $/);
});

test('a connection whose client goes away during the update is closed by the next version', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const client = new Client({ port, host: '127.0.0.1' });
  await client.asks('GET /a', /^1 \/a $/);
  const gone = new Client({ port, host: '127.0.0.1' });
  await gone.asks('GET /a', /^1 \/a $/);
  const updated = update(luo, running, '2');
  await running.says(/^1 is drained$/m);
  gone.socket.resetAndDestroy();
  const closed = once(client.socket, 'close');
  client.socket.end();
  await updated;
  await closed;
  await new Client({ port, host: '127.0.0.1' }).asks('GET /b', /^2 \/b $/);
});

for (const [behaviour, reason] of [
  ['never', /process \d+ was not ready to be replaced within 0\.5 s/],
  ['throws', /process \d+ cannot be replaced now: its heart is not in it/],
] as const) {
  test(`a service that ${behaviour} is not replaced, and goes on serving all connections`, async () => {
    await using luo = new Luo();
    const { running, port } = await start(luo, behaviour);
    const idle = new Client({ port, host: '127.0.0.1' });
    await idle.asks('GET /a', /^1 \/a $/);
    const busy = new Client({ port, host: '127.0.0.1' });
    const answer = busy.asks('GET /held', /^1 \/held $/);
    await running.says(/holds/);
    for (const attempt of [1, 2]) {
      const kexec = luo.run(['kexec', 'm', '--drain-timeout', '0.5']);
      await running.says(new RegExp(`(1 is asked, 500 ms[\\s\\S]*){${attempt}}`));
      const late = new Client({ port, host: '127.0.0.1' });
      const lateAnswer = late.asks('GET /late', /^1 \/late $/);
      const meanwhile = idle.asks('GET /meanwhile', /^1 \/meanwhile $/);
      const { code, stderr } = await kexec;
      equal(code, 125);
      match(stderr, reason);
      await Promise.all([answer, lateAnswer, meanwhile]);
      for (const client of [idle, busy, late]) await client.asks('GET /after', /^1 \/after $/);
    }
    equal(running.stdout.includes('2 listens'), false);
  });
}

test('a request without an answer keeps the service from being replaced, and nothing is lost', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  new Client({ port, host: '127.0.0.1' }).socket.write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
  await running.says(/never answers/);
  const { code, stderr } = await luo.run(['kexec', 'm', '--drain-timeout', '0.3']);
  equal(code, 125);
  match(stderr, /was not ready/);
  await running.says(/^1 is not drained: Cannot start a live update: process/m);
  await new Client({ port, host: '127.0.0.1' }).asks('GET /b', /^1 \/b $/);
});

test('with --abi v5, too; more connections than a session takes there are no update, and go on', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'well', '0', 'v5');
  const clients = Array.from({ length: 127 }, () => new Client({ port, host: '127.0.0.1' }));
  const all = (version: number) => {
    const answer = new RegExp(`^${version} /a $`);
    return Promise.all(clients.map((client) => client.asks('GET /a', answer)));
  };
  await all(1);
  const one = new Client({ port, host: '127.0.0.1' });
  await one.asks('GET /a', /^1 \/a $/);
  const { code, stderr } = await luo.run(['kexec', 'm']);
  equal(code, 125);
  match(
    stderr,
    /cannot be replaced now: Cannot preserve descriptor \d+ under token 0x0 in session "listen\/http\/0": ENOSPC/,
  );
  await all(1);
  await one.asks('GET /a', /^1 \/a $/);
  const closed = once(one.socket, 'close');
  one.socket.end();
  await closed;
  await update(luo, running, '2');
  await all(2);
});

test("an upgraded connection is the program's own, and does not hold the update up", async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
  await once(socket, 'data');
  const closed = once(socket, 'close');
  await update(luo, running, '2');
  await closed;
});

test('a server that took connections over ends after them', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const client = new Client({ port, host: '127.0.0.1' });
  await client.asks('GET /a', /^1 \/a $/);
  await update(luo, running, '2');
  const held = client.asks('GET /held', /^2 \/held $/);
  await running.says(/^2 holds$/m);
  const other = new Client({ port, host: '127.0.0.1' });
  const closed = once(other.socket, 'close');
  await other.asks('GET /close', /^2 \/close $/);
  await closed;
  equal(running.stdout.includes('2 closed'), false);
  running.child.kill('SIGUSR2');
  await held;
  client.socket.end();
  await running.says(/^2 closed$/m);
  equal((await running.result).code, 0);
});

test('the path of a UNIX socket stays, and goes with the server', async () => {
  await using luo = new Luo();
  const path = join(luo.directory, 'socket');
  const { running } = await start(luo, 'well', path);
  const client = new Client({ path });
  await client.asks('GET /a', /^1 \/a $/);
  await update(luo, running, '2', 'well', path);
  await client.asks('GET /b', /^2 \/b $/);
  client.socket.destroy();
  const other = new Client({ path });
  await other.asks('GET /close', /^2 \/close $/);
  await running.says(/^2 closed$/m);
  equal(existsSync(path), false);
  equal((await running.result).code, 0);
});

test('a server that is closed listens no more, nor does what was preserved of it', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  await new Client({ port, host: '127.0.0.1' }).asks('GET /close', /^1 \/close $/);
  await running.says(/^1 closed$/m);
  const [error] = await once(connect(port, '127.0.0.1'), 'error');
  equal(error.code, 'ECONNREFUSED');
  equal((await running.result).code, 0, 'nothing keeps the program alive');
});

test('a version that listens on another port binds it, and lets go of the one that was left', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo);
  const other = await freePort();
  await update(luo, running, '2', 'well', String(other));
  await running.says(new RegExp(`^2 listens ${other} passes false 0$`, 'm'));
  await new Client({ port: other, host: '127.0.0.1' }).asks('GET /a', /^2 \/a $/);
  const [error] = await once(connect(port, '127.0.0.1'), 'error');
  equal(error.code, 'ECONNREFUSED');
});

test('an address that is in use is an error of listen()', async () => {
  await using luo = new Luo();
  const { port } = await start(luo);
  const { code, stderr } = await luo.run(['run', '--preserve', 'sockets', ...service('1', 'well', String(port))]);
  equal(code, 1);
  match(stderr, /EADDRINUSE/);
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** Requests one after the other, by several clients at a time. */
class Load implements Disposable {
  readonly errors: string[] = [];
  answers = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #last = new Set<string>();
  readonly #clients: Promise<void>[];
  #goesOn = true;

  constructor(readonly port: number) {
    this.#clients = Array.from({ length: 8 }, (_, index) => this.#run(index < 4 ? this.#agent : false));
  }

  /** Waits until an answer comes from that version. */
  async isAnsweredBy(version: string): Promise<void> {
    while (!this.#last.has(version)) await this.#ask(this.#agent);
  }

  async end(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#clients);
  }

  [Symbol.dispose](): void {
    this.#goesOn = false;
    this.#agent.destroy();
  }

  async #run(agent: Agent | false): Promise<void> {
    while (this.#goesOn) await this.#ask(agent);
  }

  #ask(agent: Agent | false): Promise<void> {
    return new Promise((resolve) => {
      const failed = (error: Error) => {
        this.errors.push(String(error));
        resolve();
      };
      get({ port: this.port, host: '127.0.0.1', agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('error', failed).on('end', () => {
          this.answers += 1;
          this.#last.add(text.slice(0, 1));
          if (!/^\d \/ $/.test(text)) this.errors.push(text);
          resolve();
        });
      }).on('error', failed);
    });
  }
}

/** One connection, which stays the same. */
class Client {
  readonly socket;
  #heard = '';

  constructor(where: NetConnectOpts) {
    this.socket = connect(where);
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#heard += text;
    });
    this.socket.on('error', () => {});
  }

  /** Asks, and waits for the body of the answer. */
  asks(request: string, body: RegExp): Promise<void> {
    this.socket.write(`${request} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return this.hears(body);
  }

  async hears(body: RegExp): Promise<void> {
    for (;;) {
      const [, head = '', rest = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(this.#heard) ?? [];
      const [, length = '-1'] = /content-length: (\d+)/i.exec(head) ?? [];
      if (head !== '' && rest.length >= Number(length)) {
        match(rest.slice(0, Number(length)), body);
        this.#heard = rest.slice(Number(length));
        return;
      }
      if (this.socket.destroyed) throw new Error(`The connection ended before ${body}: "${this.#heard}"`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }
}
