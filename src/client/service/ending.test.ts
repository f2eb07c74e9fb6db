/** Connections that cannot pass end when all is answered; what waits in the queue of the socket is served. */
import { equal, match } from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, get } from 'node:https';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo, type Running } from '../../testing/luo.js';

const program = fileURLToPath(new URL('../../../test/programs/service-tls.mjs', import.meta.url));
const service = (...words: string[]) => ['--', process.execPath, program, ...words];

async function start(luo: Luo, kind: string): Promise<{ running: Running; port: number }> {
  const running = luo.start(['run', '--preserve', 'sockets', '--name', 'm', ...service('1', kind)]);
  const [, port] = await running.says(/^1 listens (\d+)/m);
  return { running, port: Number(port) };
}

test('https: what was asked is answered, then the connection ends, and the next one goes to the next version', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'https');
  const agent = new Agent({ keepAlive: true });
  equal(await ask(port, '/idle', agent), '1 /idle keep-alive');
  const held = ask(port, '/held', new Agent({ keepAlive: true }));
  await running.says(/^1 holds$/m);
  const update = luo.run(['kexec', 'm', ...service('2', 'https')]);
  equal(await held, '1 /held close');
  const { code, stderr } = await update;
  equal(code, 0, stderr);
  equal(await ask(port, '/next', agent), '2 /next keep-alive');
  await running.says(/^2 listens \d+ 0$/m);
  agent.destroy();
});

test('https: a client that has connected and asked for nothing does not hold the update up', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'https');
  const agent = new Agent();
  const request = get({ ...secret, port, agent, headers: { expect: '100-continue' } });
  request.on('error', () => {});
  const [socket] = await once(request, 'socket');
  await once(socket, 'secureConnect');
  const { code, stderr } = await luo.run(['kexec', 'm', ...service('2', 'https')]);
  equal(code, 0, stderr);
  await running.says(/^2 listens \d+ 0$/m);
});

test('http2: streams that are open are answered, and the session ends', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 'http2');
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/held' });
  await running.says(/^1 holds$/m);
  const update = luo.run(['kexec', 'm', ...service('2', 'http2')]);
  const closed = once(session, 'close');
  equal(String((await stream.toArray()).join('')), '1 /held');
  const { code, stderr } = await update;
  equal(code, 0, stderr);
  await closed;
  const next = connectHttp2(`http://127.0.0.1:${port}`);
  match(String((await next.request({ ':path': '/next' }).toArray()).join('')), /^2 \/next$/);
  next.destroy();
});

const secret = {
  host: '127.0.0.1',
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2',
  pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: 'test' }),
  checkServerIdentity: () => undefined,
} as const;

/** @returns the answer, and what becomes of the connection */
async function ask(port: number, path: string, agent: Agent): Promise<string> {
  const [response] = await once(get({ ...secret, port, path, agent }), 'response');
  let text = '';
  for await (const part of response) text += part;
  return `${text} ${response.headers.connection}`;
}
