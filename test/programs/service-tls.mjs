// Services whose connections cannot pass, for tests. Words: the version, and https or http2.
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { listen, onUpdate } from 'luo';

const [version, kind] = process.argv.slice(2);
const held = [];
const serve = (request, response) => {
  const answer = () => response.end(`${version} ${request.url}`);
  if (request.url !== '/held') return answer();
  held.push(answer);
  console.log(`${version} holds`);
};
// A key that both sides know, in place of a certificate.
const pskCallback = () => Buffer.alloc(32, 1);
const server =
  kind === 'http2'
    ? createHttp2Server(serve)
    : createHttpsServer({ pskCallback, ciphers: 'PSK', maxVersion: 'TLSv1.2' }, serve);

onUpdate(async () => {
  await new Promise(setImmediate);
  for (const answer of held.splice(0)) answer();
});
const { connections } = await listen(server, { port: 0, host: '127.0.0.1', name: 'tls' });
console.log(`${version} listens ${server.address().port} ${connections}`);
