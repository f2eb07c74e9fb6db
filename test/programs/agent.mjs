/** An agent that counts its generations in a memfd, by the C library: what it needs of the interface stands here. */
import { readSync, writeSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load(null);
const open = libc.func('int open(const char *path, int flags, ...)');
const ioctl = libc.func('int ioctl(int fd, unsigned long command, _Inout_ uint8_t *argument)');
const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');

const CREATE_SESSION = 0xba00;
const RETRIEVE_SESSION = 0xba01;
const PRESERVE_FD = 0xba40;
const RETRIEVE_FD = 0xba41;
const FINISH = 0xba42;
const TOKEN = 7n;
const ENOENT = 2;

function session(command) {
  const argument = Buffer.alloc(72);
  argument.writeUInt32LE(72, 0);
  argument.write('agent', 8);
  return ioctl(device, command, argument) < 0 ? undefined : argument.readInt32LE(4);
}

function file(holder, command, fd = -1) {
  const argument = Buffer.alloc(16);
  argument.writeUInt32LE(16, 0);
  argument.writeInt32LE(fd, 4);
  argument.writeBigUInt64LE(TOKEN, 8);
  if (ioctl(holder, command, argument) < 0) throw new Error(`ioctl ${command}: error ${koffi.errno()}`);
  return argument.readInt32LE(4);
}

const device = open('/dev/liveupdate', 2);
const incoming = session(RETRIEVE_SESSION);
if (incoming === undefined && koffi.errno() !== ENOENT) throw new Error(`retrieve: error ${koffi.errno()}`);
const memory = incoming === undefined ? memfdCreate('count', 0) : file(incoming, RETRIEVE_FD);
const count = Buffer.alloc(4);
if (incoming !== undefined) {
  const finish = Buffer.alloc(8);
  finish.writeUInt32LE(8, 0);
  if (ioctl(incoming, FINISH, finish) < 0) throw new Error(`finish: error ${koffi.errno()}`);
  readSync(memory, count, 0, 4, 0);
}
count.writeUInt32LE(count.readUInt32LE(0) + 1, 0);
writeSync(memory, count, 0, 4, 0);
file(session(CREATE_SESSION), PRESERVE_FD, memory);
console.log(`count ${count.readUInt32LE(0)}`);
setInterval(() => {}, 1000);
