// Connections that the program hands over by itself, for tests: it answers each line with the number of its characters.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { LiveUpdate, listen, Memfd, onUpdate, takeOver } from 'luo';

const [version, behaviour = 'well'] = process.argv.slice(2);
const sockets = new Map();

function talk(socket, lines = 0) {
  let text = '';
  socket.setEncoding('utf8').on('data', (part) => {
    text += part;
    const whole = text.split('\n');
    text = whole.pop();
    for (const line of whole) socket.write(`${version} ${++lines} ${line} ${[...line].length}\n`);
    if (whole.includes('pause')) socket.pause();
    console.log(`${version} has "${text}"`);
  });
  socket.on('close', () => sockets.delete(socket));
  sockets.set(socket, () => {
    const unread = Buffer.from(text);
    text = '';
    return { unread, state: { lines } };
  });
}

for (const { socket, state } of takeOver('texts')) talk(socket, state.lines);
const left = version === '1' ? 'nothing' : noteOfLast();
const server = createServer((socket) => talk(socket));
await listen(server, { port: 0, host: '127.0.0.1', name: 'texts' });

const subscription = onUpdate(
  async (update) => {
    for (const [socket, describe] of sockets) await update.handOver(socket, describe());
    const memfd = Memfd.create('note', { size: 4096 });
    memfd.map().set(Buffer.from(`from ${version}`));
    update.session.preserve(memfd, 7);
    if (behaviour !== 'never') return;
    await once(update.signal, 'abort');
    return () => {
      for (const socket of sockets.keys()) socket.resume();
      throw new Error('cannot go back');
    };
  },
  { name: 'texts' },
);
const other = onUpdate(() => console.log('never called'));
other.close();
other.close();
console.log(`${version} listens ${server.address().port} ${await subscription.announced} ${left}`);

function noteOfLast() {
  const device = LiveUpdate.open();
  const session = device.retrieveSession('texts');
  device.close();
  const memfd = Memfd.fromDescriptor(session.retrieve(7));
  session.finish();
  session.close();
  return Buffer.from(memfd.map().subarray(0, 6)).toString();
}
