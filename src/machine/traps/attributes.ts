/** Extended attributes, of which `ls -l` asks for those of every file that it lists. luo's files have none. */
import { errno } from '../../uapi/errno.js';
import { AT_FDCWD } from '../../uapi/fcntl.js';
import { namedBy, PATH_MAX } from './path.js';
import { type Answer, PROCEED, type Trap } from './trap.js';

export const attributeTraps = {
  getxattr: (trap: Trap) => ofOurs(trap, -errno.ENODATA),
  lgetxattr: (trap: Trap) => ofOurs(trap, -errno.ENODATA),
  listxattr: (trap: Trap) => ofOurs(trap, 0),
  llistxattr: (trap: Trap) => ofOurs(trap, 0),
};

function ofOurs(trap: Trap, answer: number): Answer {
  const path = trap.memory.readText(trap.address(0), PATH_MAX);
  const named = path === undefined ? undefined : namedBy(trap, AT_FDCWD, path);
  if (named?.kind !== 'device' && named?.kind !== 'serial') return PROCEED;
  return named.trailingSlash ? -errno.ENOTDIR : answer;
}
