/**
 * Reading, writing and the like of descriptors of the kernel's files: none has data, and none is the socket that stands
 * for it. Measured on Linux 7.3.
 */
import { close, statPath, statusFlags } from '../../host/descriptors.js';
import { errno } from '../../uapi/errno.js';
import { fcntlCommands, openFlags } from '../../uapi/fcntl.js';
import type { Channel } from '../channels.js';
import { copyDescriptor, descriptorPath } from '../task.js';
import { fileTraps } from './files.js';
import { frozenCopies } from './frozen-copy.js';
import { frozenWrites, positionOr } from './frozen-write.js';
import { isPlaceholder } from './path.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const EPOLL_CTL_ADD = 1;
const { O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY } = openFlags(process.arch);

/** The access mode that a call cannot do with. */
const READING = O_WRONLY;
const WRITING = O_RDONLY;

type Otherwise = (trap: Trap) => Answer;
const proceed: Otherwise = () => PROCEED;

/** Without this, a session would end for everybody who holds it. */
export const hangUpTraps = { shutdown: notASocket };

export const transferTraps = {
  read: (trap: Trap) => withoutData(trap, READING, undefined),
  readv: (trap: Trap) => withoutData(trap, READING, undefined),
  pread64: (trap: Trap) => withoutData(trap, READING, trap.long(3)),
  preadv: (trap: Trap) => withoutData(trap, READING, trap.long(3)),
  preadv2: (trap: Trap) => withoutData(trap, READING, positionOr(trap.long(3))),
  write: (trap: Trap) => withoutData(trap, WRITING, undefined, frozenWrites.write),
  writev: (trap: Trap) => withoutData(trap, WRITING, undefined, frozenWrites.writev),
  pwrite64: (trap: Trap) => withoutData(trap, WRITING, trap.long(3), frozenWrites.pwrite64),
  pwritev: (trap: Trap) => withoutData(trap, WRITING, trap.long(3), frozenWrites.pwritev),
  pwritev2: (trap: Trap) => withoutData(trap, WRITING, positionOr(trap.long(3)), frozenWrites.pwritev2),
  sendfile: (trap: Trap) =>
    copying(trap, { output: 0, input: 1, inputOffset: 2, length: 3 }) ?? frozenCopies.sendfile(trap),
  // An offset in a file that has none is EINVAL here, as all is.
  splice: (trap: Trap) => copying(trap, { input: 0, output: 2, length: 4 }) ?? frozenCopies.splice(trap),
  // The kernel refuses sockets, too.
  copy_file_range: frozenCopies.copy_file_range,
  sendto: notASocket,
  sendmsg: notASocket,
  recvfrom: notASocket,
  recvmsg: notASocket,
  getsockopt: notASocket,
  setsockopt: notASocket,
  getsockname: notASocket,
  getpeername: notASocket,
  fcntl,
  // The second argument is the operation, the third the descriptor. Nothing of the kernel's can be waited for.
  epoll_ctl: (trap: Trap) =>
    trap.int(1) === EPOLL_CTL_ADD && trap.channel(trap.int(2)) !== undefined ? -errno.EPERM : PROCEED,
  fchmod: attributes,
  fchown: attributes,
  utimensat: attributes,
};

function withoutData(trap: Trap, unfit: number, offset: bigint | undefined, otherwise: Otherwise = proceed): Answer {
  const channel = trap.channel(trap.int(0));
  if (channel === undefined) return otherwise(trap);
  if (offset !== undefined && offset < 0n) return -errno.EINVAL;
  if (offset !== undefined && !hasPosition(channel)) return -errno.ESPIPE;
  return isOnlyFor(channel, unfit) ? -errno.EBADF : -errno.EINVAL;
}

/** A session has none, and says so of everything at an offset. */
function hasPosition(channel: Channel): boolean {
  return channel.isDevice;
}

function isOnlyFor({ openFlags }: Channel, mode: number): boolean {
  return (openFlags & O_ACCMODE) === mode;
}

/** The numbers of the arguments of a call that copies from one file to another. */
interface CopyArguments {
  readonly input: number;
  /** Where an offset of the input is answered with ESPIPE. */
  readonly inputOffset?: number;
  readonly output: number;
  readonly length: number;
}

/** Undefined where neither file is one of the kernel's. */
function copying(trap: Trap, numbers: CopyArguments): Answer | undefined {
  const [input, output] = [trap.int(numbers.input), trap.int(numbers.output)];
  const from = trap.channel(input);
  if (from === undefined && trap.channel(output) === undefined) return undefined;
  // Where one of them is not open, or nothing is to be copied, the kernel says the same of a socket.
  if ([input, output].some((fd) => typeof statPath(descriptorPath(trap.tid, fd)) === 'number')) return PROCEED;
  if (from === undefined && trap.long(numbers.length) === 0n) return PROCEED;
  const atOffset = numbers.inputOffset !== undefined && trap.address(numbers.inputOffset) !== 0n;
  return from !== undefined && atOffset && !hasPosition(from) ? -errno.ESPIPE : -errno.EINVAL;
}

function notASocket(trap: Trap): Answer {
  return trap.channel(trap.int(0)) === undefined ? PROCEED : -errno.ENOTSOCK;
}

/** An anonymous inode has none that could be changed. */
function attributes(trap: Trap): Answer {
  return trap.channel(trap.int(0))?.isDevice === false ? -errno.EOPNOTSUPP : PROCEED;
}

function fcntl(trap: Trap): Answer {
  if (trap.word(1) === fcntlCommands.F_ADD_SEALS) return fileTraps.addSeals(trap);
  const channel = trap.channel(trap.int(0));
  // What stands for a device opened for its path only is a file that can be read.
  if (channel === undefined && isPlaceholder(trap, descriptorPath(trap.tid, trap.int(0)))) return O_PATH;
  if (channel === undefined || !channel.isDevice) return PROCEED;
  const copy = copyDescriptor(trap.call, trap.context.listener, trap.int(0));
  if (copy === undefined) return PROCEED;
  try {
    // Our stand-in is open for reading and writing, whatever the program asked of the device.
    return (statusFlags(copy) & ~O_ACCMODE) | channel.openFlags;
  } finally {
    close(copy);
  }
}
