/** Reading, writing and the like on a strict machine, of descriptors of the kernel's files: none has data. */
import { close, statusFlags } from '../../host/descriptors.js';
import { errno } from '../../uapi/errno.js';
import { fcntlCommands, openFlags } from '../../uapi/fcntl.js';
import { copyDescriptor, descriptorPath } from '../task.js';
import { fileTraps } from './files.js';
import { frozenWrites } from './frozen-write.js';
import { isPlaceholder } from './path.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

const EPOLL_CTL_ADD = 1;
const { O_ACCMODE, O_PATH } = openFlags(process.arch);

export const transferTraps = {
  read: (trap: Trap) => refuseOnChannel(trap, false),
  readv: (trap: Trap) => refuseOnChannel(trap, false),
  pread64: (trap: Trap) => refuseOnChannel(trap, true),
  write: (trap: Trap) => refuseOnChannel(trap, false, frozenWrites.write),
  writev: (trap: Trap) => refuseOnChannel(trap, false, frozenWrites.writev),
  pwrite64: (trap: Trap) => refuseOnChannel(trap, true, frozenWrites.pwrite64),
  pwritev: (trap: Trap) => refuseOnChannel(trap, true, frozenWrites.pwritev),
  pwritev2: (trap: Trap) => refuseOnChannel(trap, true, frozenWrites.pwritev2),
  sendfile: frozenWrites.sendfile,
  splice: frozenWrites.splice,
  copy_file_range: frozenWrites.splice,
  fcntl,
  // The second argument is the operation, the third the descriptor. Nothing of the kernel's can be waited for.
  epoll_ctl: (trap: Trap) =>
    trap.int(1) === EPOLL_CTL_ADD && trap.channel(trap.int(2)) !== undefined ? -errno.EPERM : PROCEED,
  fchmod: (trap: Trap) => (trap.channel(trap.int(0))?.isDevice === false ? -errno.EOPNOTSUPP : PROCEED),
};

/** Files of the kernel have no data. A session, which has no position either, says so for reads at an offset. */
function refuseOnChannel(trap: Trap, atOffset: boolean, otherwise: (trap: Trap) => Answer = () => PROCEED): Answer {
  const channel = trap.channel(trap.int(0));
  if (channel === undefined) return otherwise(trap);
  return atOffset && !channel.isDevice ? -errno.ESPIPE : -errno.EINVAL;
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
