// A service that updates without losing a connection or a byte:
//
//     luo run --preserve sockets --name service -- node examples/service/server.mjs 1
//     luo kexec service -- node examples/service/server.mjs 2
//
// Its version is the first word, or VERSION; it listens on PORT.
import { createServer } from 'node:http';
import { LiveUpdateError, listen, onUpdate, PersistentState } from 'luo';

const version = process.argv[2] ?? process.env.VERSION ?? '1';

/** How many requests all versions together have answered: memory that passes, where there is any. */
function counter() {
  try {
    const state = PersistentState.open('service');
    const bytes = state.get('requests') ?? state.create('requests', 8);
    state.preserve();
    return new BigUint64Array(bytes.buffer, 0, 1);
  } catch (error) {
    // The service runs without luo, too.
    if (error instanceof LiveUpdateError && error.code === 'ENOENT') return new BigUint64Array(1);
    throw error;
  }
}

const requests = counter();
const server = createServer((_request, response) => {
  requests[0]++;
  response.end(`version ${version}, request ${requests[0]}\n`);
});

onUpdate(async ({ drained, signal }) => {
  await drained;
  console.log(`version ${version} has answered ${requests[0]} and hands over`);
  return () => console.log(`version ${version} goes on: ${signal.reason.message}`);
});

const { tookOver, connections } = await listen(server, { port: Number(process.env.PORT ?? 8080), name: 'http' });
const { port } = server.address();
console.log(`version ${version} serves port ${port}: ${tookOver ? `took over ${connections} connections` : 'new'}`);
