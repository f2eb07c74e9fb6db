/** How long a service under load answers nobody while it is replaced by its next version, and how many requests fail. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Luo } from '../testing/luo.js';
import { figure, type Row, type Table } from './figures.js';
import { Load, type LoadReport } from './load.js';

const example = fileURLToPath(new URL('../../examples/service/server.mjs', import.meta.url));
const plain = fileURLToPath(new URL('../../bench/plain-server.mjs', import.meta.url));
const cluster = fileURLToPath(new URL('../../bench/cluster-server.mjs', import.meta.url));

/** Requests that are answered before an update, and after it. */
const CALM = 300;
/** Updates of each kind, whatever the number of rounds: what happens once in twenty shows. */
const UPDATES = 20;

/** A way to replace a service. It runs on a port of its own. */
interface Way {
  readonly what: string;
  readonly port: number;
  update(version: number): Promise<void>;
  stop(): Promise<void>;
}

export async function services(luo: Luo): Promise<Table[]> {
  const ways = [
    await kexec(luo, 'luo kexec', []),
    await kexec(luo, 'luo kexec --warm', ['--warm']),
    await stopAndStart(),
    await clusterReload(),
  ];
  const reports = new Map<Way, LoadReport[]>(ways.map((way) => [way, []]));
  // The first one compiles the code of a live update.
  for (const way of ways) await measure(way, 1);
  for (let update = 0; update < UPDATES; update++) {
    for (const way of ways) reports.get(way)?.push(await measure(way, update + 2));
  }
  for (const way of ways) await way.stop();
  const rows = (unit: string, of: (report: LoadReport) => number): Row[] => {
    const figures = ways.map((way) => ({ what: way.what, unit, figure: figure((reports.get(way) ?? []).map(of)) }));
    const first = figures[0]?.figure.median ?? Number.NaN;
    return figures.map((row, index) => ({
      ...row,
      ratio: index === 0 || first === 0 ? undefined : row.figure.median / first,
    }));
  };
  return [
    {
      title: `longest time in which a service under load answered nobody, over ${UPDATES} updates of each kind`,
      rows: rows('ms', ({ longestStall }) => longestStall),
    },
    { title: 'requests that failed at an update, or were refused', rows: rows('requests', ({ failed }) => failed) },
  ];
}

async function measure(way: Way, version: number): Promise<LoadReport> {
  const load = new Load(way.port);
  await load.answers(CALM);
  await way.update(version);
  await load.answers(CALM);
  return load.end();
}

/** The example of the project on a machine of its own. */
async function kexec(luo: Luo, what: string, options: readonly string[]): Promise<Way> {
  const name = what.replaceAll(/\W+/g, '-');
  await luo.run(['run', '-d', '--name', name, '--preserve', 'sockets', '--', process.execPath, example, '0'], {
    env: { PORT: '0' },
  });
  const log = await luo.logMatches(name, /serves port (\d+)/);
  return {
    what,
    port: Number(/serves port (\d+)/.exec(log)?.[1]),
    async update(version) {
      const args = ['kexec', name, ...options, '--', process.execPath, example, String(version)];
      const { code, stderr } = await luo.run(args);
      if (code !== 0) throw new Error(`Cannot measure an update: ${stderr}`);
    },
    stop: async () => void (await luo.run(['stop', name])),
  };
}

/** What people do without luo: the old version is told to end, and the new one is started when it has. */
async function stopAndStart(): Promise<Way> {
  let [server, port] = await start(plain, 0);
  return {
    what: 'stop, and start the new version',
    port,
    async update() {
      server.kill('SIGTERM');
      await once(server, 'exit');
      [server] = await start(plain, port);
    },
    async stop() {
      server.kill('SIGTERM');
      await once(server, 'exit');
    },
  };
}

/** Two workers of node:cluster, each replaced when its successor listens. */
async function clusterReload(): Promise<Way> {
  const [primary, port] = await start(cluster, 0);
  return {
    what: 'node:cluster, workers replaced one by one',
    port,
    async update() {
      primary.send('reload');
      await once(primary, 'message');
    },
    async stop() {
      primary.kill('SIGTERM');
      await once(primary, 'exit');
    },
  };
}

/** A server that tells its port when it listens. */
async function start(program: string, port: number) {
  const child = fork(program, [String(port)]);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return [child, message.port] as const;
}
