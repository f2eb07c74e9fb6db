// A protocol of its own for tests: both sides send the numbers from 0, 4 bytes each, many of them at once before an
// update, and check what comes. Words: the version, and how it behaves: throws (in the hand-over of a connection).
import { createServer } from 'node:net';
import { listen } from 'luo';

const [version, behaviour = 'well'] = process.argv.slice(2);
const BLOCK = 4096;
/** More than the kernel takes at once. */
const BURST = 512;
const conversations = new Map();

function converse(socket, state = { sent: 0, received: 0 }) {
  let { sent, received } = state;
  let partial = Buffer.alloc(0);
  let isOver = false;
  const send = () => {
    if (isOver || socket.writableLength > 1 << 20) return;
    const block = Buffer.alloc(4 * BLOCK);
    for (let i = 0; i < BLOCK; i++) block.writeUInt32LE(sent++, 4 * i);
    socket.write(block);
  };
  socket.on('data', (chunk) => {
    const bytes = Buffer.concat([partial, chunk]);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole; at += 4) {
      const number = bytes.readUInt32LE(at);
      if (number !== received++) throw new Error(`${number} came in the place of ${received - 1}`);
    }
    partial = bytes.subarray(whole);
  });
  const timer = setInterval(send, 1);
  socket.on('end', () => {
    console.log(`${version} received ${received} and ${partial.length} bytes`);
    isOver = true;
    clearInterval(timer);
    socket.end();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(timer);
    conversations.delete(socket);
  });
  conversations.set(socket, () => {
    clearInterval(timer);
    for (let i = 0; i < BURST; i++) send();
    const unread = partial;
    partial = Buffer.alloc(0);
    if (behaviour === 'throws') {
      socket.resume();
      const back = setInterval(send, 1);
      socket.on('end', () => clearInterval(back));
      // What it has kept must not be lost by its own doing.
      partial = unread;
      throw new Error('not now');
    }
    return { unread, state: { sent, received } };
  });
}

const server = createServer({ allowHalfOpen: true }, (socket) => converse(socket));
const { connections } = await listen(server, {
  port: 0,
  host: '127.0.0.1',
  handOver: (socket) => conversations.get(socket)(),
  takeOver: converse,
});
console.log(`${version} listens ${server.address().port} ${connections}`);
