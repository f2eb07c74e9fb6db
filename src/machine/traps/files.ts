/** Calls that would change the size of a frozen file, or seal it. */
import { type Status, statPath } from '../../host/descriptors.js';
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD } from '../../uapi/fcntl.js';
import { inodeKey } from '../host-files.js';
import { descriptorPath } from '../task.js';
import { namedBy, PATH_MAX } from './path.js';
import { type Answer, PROCEED, type Trap, unlessRefused } from './trap.js';

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const ANY_EXECUTE_BIT = 0o111;

export const fileTraps = {
  ftruncate: (trap: Trap) => resize(trap, descriptorPath(trap.tid, trap.int(0)), trap.long(1)),
  truncate: truncatePath,
  fallocate,
  addSeals,
};

/** Only a link in /proc can name a file that has no name. */
function truncatePath(trap: Trap): Answer {
  if (!trap.anyFrozen) return PROCEED;
  const path = trap.memory.readText(trap.address(0), PATH_MAX);
  const named = path === undefined ? undefined : namedBy(trap, AT_FDCWD, path);
  return named?.kind === 'descriptor' ? resize(trap, named.path, trap.long(1)) : PROCEED;
}

function resize(trap: Trap, path: string, size: bigint): Answer {
  // A negative size is refused before anybody looks at the file.
  if (size < 0n) return PROCEED;
  return ofFrozenFile(trap, path, (inode, status) => trap.context.kernel.checkResize(inode, status.size, size));
}

function fallocate(trap: Trap): Answer {
  const mode = trap.int(1);
  // What the file system would refuse for any file comes before what it refuses for this one.
  if (trap.long(2) < 0n || trap.long(3) <= 0n) return PROCEED;
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) return PROCEED;
  return ofFrozenFile(trap, descriptorPath(trap.tid, trap.int(0)), (inode) =>
    trap.context.kernel.checkFallocate(inode),
  );
}

function addSeals(trap: Trap): Answer {
  return ofFrozenFile(trap, descriptorPath(trap.tid, trap.int(0)), (inode, status) =>
    trap.context.kernel.checkAddSeals(inode, trap.word(2), (status.mode & ANY_EXECUTE_BIT) !== 0),
  );
}

/** Asks the kernel about the file behind a link in /proc, where it could be frozen at all. */
export function ofFrozenFile(trap: Trap, path: string, check: (inode: string, status: Status) => void): Answer {
  if (!trap.anyFrozen) return PROCEED;
  const status = statPath(path);
  if (typeof status === 'number') return PROCEED;
  if (!trap.context.listener.isValid(trap.call.id)) return -errno.EINTR;
  return unlessRefused(() => check(inodeKey(status.device, status.inode), status));
}
