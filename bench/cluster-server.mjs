// A service of two workers, each of which is replaced by another one when it is told to reload.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createListener } from 'node:net';

if (cluster.isPrimary) {
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  const started = async () => once(cluster.fork(), 'listening');
  // Workers share a port only where it was chosen before: each of them gets another one for 0.
  const chosen = createListener().listen(0);
  await once(chosen, 'listening');
  const { port } = chosen.address();
  chosen.close();
  await once(chosen, 'close');
  cluster.setupPrimary({ args: [String(port)] });
  await started();
  await started();
  process.on('message', async () => {
    for (const worker of Object.values(cluster.workers)) {
      await started();
      worker.disconnect();
      await once(worker, 'exit');
    }
    process.send({ port });
  });
  process.send({ port });
} else {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end(`version cluster, request ${requests}\n`);
  });
  server.listen(Number(process.argv[2]));
}
