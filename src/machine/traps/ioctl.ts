import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { errno } from '../../uapi/errno.js';
import { iocType } from '../../uapi/ioctl.js';
import { LIVEUPDATE_IOCTL_TYPE } from '../../uapi/liveupdate.js';
import { TTY_IOCTL_TYPE } from '../../uapi/tty.js';
import { SIOCSIFFLAGS } from '../filter.js';
import { descriptorPath } from '../task.js';
import { isPlaceholder } from './path.js';
import { ttyIoctlTrap } from './serial.js';
import { ANSWERED, type Answer, PROCEED, type Trap } from './trap.js';

const FIOCLEX = 0x5451;
const FIONCLEX = 0x5450;
const FIONBIO = 0x5421;
const FIOASYNC = 0x5452;

export function ioctl(trap: Trap): Answer {
  const command = trap.word(1);
  if (command === SIOCSIFFLAGS) return setInterfaceFlags(trap);
  if (iocType(command) === TTY_IOCTL_TYPE) {
    const answer = ttyIoctlTrap(trap);
    if (answer !== PROCEED) return answer;
  }
  const { kernel, channels, listener, unheard, calls } = trap.context;
  const ours = iocType(command) === LIVEUPDATE_IOCTL_TYPE;
  // A descriptor that was closed before this call must not be found by its number.
  if (ours) channels.drain();
  const channel = trap.channel(trap.int(0));
  if (channel === undefined)
    return ours && isPlaceholder(trap, descriptorPath(trap.tid, trap.int(0))) ? -errno.EBADF : PROCEED;
  // Linux answers these for any file, before the file's own commands.
  if (command === FIOCLEX || command === FIONCLEX || command === FIONBIO) return PROCEED;
  if (command === FIOASYNC) return -errno.ENOTTY;
  const { call, task } = trap;
  calls.ioctl(call, channel.file, task.memory, (carriedOut) =>
    unheard.answer(call, listener, channel, task.memory, () => {
      kernel.ioctl(channel.file, command, trap.address(2), task);
      carriedOut();
    }),
  );
  return ANSWERED;
}

/**
 * kexec-tools takes the network interfaces down before it jumps. The machine has none of its own, and those of the
 * host stay up.
 */
export function setInterfaceFlags(trap: Trap): Answer {
  try {
    return basename(readlinkSync(`/proc/${trap.tid}/exe`)) === 'kexec' ? 0 : PROCEED;
  } catch {
    return PROCEED;
  }
}
