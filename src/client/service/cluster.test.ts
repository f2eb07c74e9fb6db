/** A service of several processes: the primary has the socket, and the workers hand their connections over. */
import { equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Luo, type Running } from '../../testing/luo.js';

const program = fileURLToPath(new URL('../../../test/programs/service-cluster.mjs', import.meta.url));
const cluster = (...words: string[]) => ['--', process.execPath, program, ...words];

/** Starts version 1, and waits for its workers. */
async function start(luo: Luo, workers: number, ...words: string[]): Promise<{ running: Running; port: number }> {
  const command = cluster('1', String(workers), ...words);
  const running = luo.start(['run', '--preserve', 'sockets', '--name', 'm', ...command]);
  return { running, port: await listens(running, '1', workers) };
}

async function listens(running: Running, version: string, workers: number): Promise<number> {
  const [, port] = await running.says(new RegExp(`(?:^${version} listens (\\d+) .*\\n){${workers}}`, 'm'));
  return Number(port);
}

/** A request on a connection that is kept, by a client of its own. */
class Client {
  readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(readonly port: number) {}

  /** @returns the number of the connection's port, and the answer */
  async asks(): Promise<string> {
    const request = get({ port: this.port, host: '127.0.0.1', agent: this.agent });
    const [response] = await once(request, 'response');
    const { localPort } = request.socket ?? {};
    let text = `${localPort} `;
    for await (const part of response) text += part;
    return text;
  }
}

for (const [before, after] of [
  [2, 3],
  [3, 1],
] as const) {
  test(`connections of ${before} workers go on in ${after}, wherever they are`, async () => {
    await using luo = new Luo();
    const { running, port } = await start(luo, before);
    const clients = Array.from({ length: 12 }, () => new Client(port));
    const first = await Promise.all(clients.map((client) => client.asks()));
    const updated = luo.run(['kexec', 'm', ...cluster('2', String(after))]);
    const { code, stderr } = await updated;
    equal(code, 0, stderr);
    const second = await Promise.all(clients.map((client) => client.asks()));
    equal(await listens(running, '2', after), port);
    for (const [index, answer] of second.entries()) {
      match(answer, /^\d+ 2 of \d+$/);
      equal(answer.split(' ')[0], first[index]?.split(' ')[0], 'the same connection');
    }
    const taken = [...running.stdout.matchAll(/^2 listens \d+ true (\d+)$/gm)].map(([, count]) => Number(count));
    equal(
      taken.reduce((sum, count) => sum + count, 0),
      clients.length,
    );
    for (const { agent } of clients) agent.destroy();
  });
}

test('where one worker is not ready, all of them go on', async () => {
  await using luo = new Luo();
  const { port } = await start(luo, 2, 'never');
  const clients = Array.from({ length: 6 }, () => new Client(port));
  const first = await Promise.all(clients.map((client) => client.asks()));
  for (const _ of [1, 2]) {
    const { code, stderr } = await luo.run(['kexec', 'm', '--drain-timeout', '0.5']);
    equal(code, 125);
    match(stderr, /: process \d+ was not ready to be replaced/);
    const second = await Promise.all(clients.map((client) => client.asks()));
    equal(second.join(), first.join(), 'by the same worker');
    match(await new Client(port).asks(), /^\d+ 1 of/);
  }
  for (const { agent } of clients) agent.destroy();
});

test('a worker that is killed takes its own connections along, and the others go on', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 2);
  for (const child of luo.processes()) if (isPrimary(child)) process.kill(child, 'SIGUSR1');
  await running.says(/^1 has lost a worker$/m);
  match(await new Client(port).asks(), /^\d+ 1 of/);
  const { code, stderr } = await luo.run(['kexec', 'm', ...cluster('2', '2')]);
  equal(code, 0, stderr);
  equal(await listens(running, '2', 2), port);
});

test('a cluster that is disconnected listens no more', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 2);
  for (const child of luo.processes()) if (isPrimary(child)) process.kill(child, 'SIGUSR2');
  await running.says(/^1 is disconnected$/m);
  const { code } = await running.result;
  equal(code, 0);
  const [error] = await once(connect(port, '127.0.0.1'), 'error');
  equal(error.code, 'ECONNREFUSED');
});

test('an address that is in use is an error in each worker', async () => {
  await using luo = new Luo();
  const { port } = await start(luo, 1);
  const other = luo.start(['run', '--preserve', 'sockets', '--name', 'n', ...cluster('2', '2', 'well', String(port))]);
  await other.says(/(^2 cannot listen: EADDRINUSE\n){2}/m);
});

test('workers whose primary shares nothing say so, and serve', async () => {
  await using luo = new Luo();
  const { running, port } = await start(luo, 2, 'alone');
  await running.warns(/Sockets of this worker do not pass: call shareListeners\(\) of luo in its primary, before/);
  match(await new Client(port).asks(), /^\d+ 1 of/);
});

test('without a machine, and on one that preserves no sockets, workers serve as ever', async () => {
  await using luo = new Luo();
  for (const command of [cluster('1', '2').slice(1), ['luo', 'run', '--name', 'm', ...cluster('1', '2')]]) {
    const running =
      command[0] === 'luo' ? luo.start(command.slice(1)) : luo.startCommand(command, { env: { LUO_MACHINE: '' } });
    const port = await listens(running, '1', 2);
    ok(running.stdout.includes(' false 0'));
    match(await new Client(port).asks(), /^\d+ 1 of/);
  }
});

/** One that has ended since it was found is none. */
function isPrimary(pid: number): boolean {
  try {
    const [file, script = ''] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    return file === process.execPath && script === program && !environment.includes('NODE_UNIQUE_ID');
  } catch {
    return false;
  }
}
