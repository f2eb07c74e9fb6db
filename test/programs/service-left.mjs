// What a generation may leave that is not whole, for tests. Words: the version, then what is wrong with the session of
// connections: none (no index), version (a newer one), token (the index names a socket that is not there), twice (nothing:
// two servers have the same name).
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { LiveUpdate, listen, Memfd } from 'luo';

const [version, wrong] = process.argv.slice(2);
const index = { version: { version: 2, sockets: [] }, token: { version: 1, sockets: [{ token: 7 }] } };
const where = { port: 0, host: '127.0.0.1', name: 'left' };
const server = createServer();

try {
  if (version === '1' && wrong !== 'twice') await leave();
  const { tookOver, connections } = await listen(server, where);
  console.log(`${version} listens ${tookOver} ${connections}`);
} catch (error) {
  console.log(`${version} fails: ${error.message}`);
}

if (wrong === 'twice') {
  const descriptors = count();
  await listen(createServer(), where).catch((error) => console.log(`${version} fails: ${error.message}`));
  console.log(count() === descriptors ? 'no descriptor is lost' : 'descriptors are lost');
}
setInterval(() => {}, 1000);

/** The sessions of a service, made by hand. Nothing of luo gets ready for an update here. */
async function leave() {
  server.listen(where);
  await once(server, 'listening');
  const device = LiveUpdate.open();
  const listener = device.createSession('listen/left');
  listener.preserve(server._handle.fd, 0);
  const slots = Memfd.create('slots', { size: 4096 });
  slots.map()[0] = 1;
  listener.preserve(slots, 1);
  const session = device.createSession('listen/left/0');
  device.close();
  if (wrong !== 'none') {
    const bytes = Buffer.from(JSON.stringify(index[wrong]));
    const memfd = Memfd.create('index', { size: bytes.length });
    memfd.map().set(bytes);
    session.preserve(memfd, 0);
  }
  console.log('left');
  await new Promise(() => setInterval(() => {}, 1000));
}

function count() {
  return readdirSync('/proc/self/fd').length;
}
