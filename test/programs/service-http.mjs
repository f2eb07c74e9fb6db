// A service of HTTP for tests. Words: its version, and how it behaves: never (gets ready for no update), throws, asks (what
// serves on its port before it does itself), says-pid.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { listen, onUpdate } from 'luo';

const [version, behaviour = 'well', where = '0'] = process.argv.slice(2);
/** Answers that wait until an update is announced. */
const held = [];

const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
  const body = [];
  for await (const chunk of request) body.push(chunk);
  const answer = () => response.end(`${version} ${request.url} ${Buffer.concat(body)}`);
  if (request.url === '/held') {
    console.log(`${version} holds`);
    held.push(answer);
  } else if (request.url === '/large') {
    console.log(`${version} holds`);
    held.push(() => response.end(Buffer.alloc(64 << 20, version)));
  } else if (request.url === '/never') console.log(`${version} never answers`);
  else if (request.url === '/close') {
    response.on('finish', () => server.close(() => console.log(`${version} closed`)));
    response.setHeader('Connection', 'close');
    answer();
  } else answer();
});
// An upgraded connection is none of HTTP any more.
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {});
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`,
  );
  socket.pipe(socket);
});
process.on('SIGUSR2', () => {
  for (const answer of held.splice(0)) answer();
});

onUpdate(async ({ signal, drained, timeout }) => {
  console.log(`${version} is asked, ${timeout} ms`);
  for (const answer of held.splice(0)) answer();
  if (behaviour === 'throws') throw new Error('its heart is not in it');
  if (behaviour === 'never') await once(signal, 'abort');
  await drained.then(
    () => console.log(`${version} is drained`),
    (error) => console.log(`${version} is not drained: ${error.message}`),
  );
  return () => {
    console.log(`${version} goes on: ${signal.reason.message}`);
  };
});

if (behaviour === 'says-pid') console.log(`${version} is ${process.pid}`);
if (behaviour === 'asks') {
  const answer = await fetch(`http://127.0.0.1:${where}/meanwhile`, { headers: { connection: 'close' } });
  console.log(`${version} heard: ${await answer.text()}`);
}
const options = where.startsWith('/') ? { path: where } : { port: Number(where), host: '127.0.0.1' };
const { passes, tookOver, connections } = await listen(server, { ...options, name: 'http' });
const port = server.address()?.port ?? 0;
console.log(`${version} listens ${port} ${passes ? 'passes' : 'stays'} ${tookOver} ${connections}`);
