// A cluster for tests. Words: the version, the number of workers, and how it behaves: alone (the primary shares no
// sockets), never (a worker gets ready for no update).
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { listen, onUpdate, shareListeners } from 'luo';

const [version, workers = '2', behaviour = 'well', port = '0'] = process.argv.slice(2);

if (cluster.isPrimary) {
  if (behaviour !== 'alone') shareListeners();
  for (let i = 0; i < Number(workers); i++) cluster.fork();
  cluster.on('message', (_, { listens }) => listens && console.log(listens));
  cluster.on('exit', () => console.log(`${version} has lost a worker`));
  process.on('SIGUSR2', () => cluster.disconnect(() => console.log(`${version} is disconnected`)));
  process.on('SIGUSR1', () => Object.values(cluster.workers)[0].kill('SIGKILL'));
} else {
  const server = createServer((_request, response) => response.end(`${version} of ${process.pid}`));
  if (behaviour === 'never' && cluster.worker.id === 1) {
    onUpdate(async ({ signal }) => {
      await once(signal, 'abort');
    });
  }
  try {
    const { passes, connections } = await listen(server, { port: Number(port), host: '127.0.0.1', name: 'cluster' });
    process.send({ listens: `${version} listens ${server.address().port} ${passes} ${connections}` });
  } catch (error) {
    process.send({ listens: `${version} cannot listen: ${error.code}` });
  }
}
