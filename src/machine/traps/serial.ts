/** Serial ports: how programs open them, and what they ask of them. */
import { readFileSync } from 'node:fs';
import { close } from '../../host/descriptors.js';
import { errno } from '../../uapi/errno.js';
import { NRESETDEV_BIT, openFlags } from '../../uapi/fcntl.js';
import { EmulatedLine } from '../serial/emulated-line.js';
import { lineIoctlNumbers } from '../serial/line-commands.js';
import type { SerialLine, SerialOpened } from '../serial/serial-line.js';
import { descriptorPath } from '../task.js';
import { ANSWERED, type Answer, PROCEED, type Trap } from './trap.js';

const { O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_PATH } = openFlags(process.arch);
const CAP_SYS_ADMIN = 21n;

/**
 * `open` of a serial port of the machine.
 *
 * @param flags such that they do not contradict O_NRESETDEV (keep.ts)
 * @throws KernelError as the port says
 */
export function openSerial(trap: Trap, flags: number, line: SerialLine): Answer {
  if (!line.isThere) return -errno.ENOENT;
  const keep = (flags & NRESETDEV_BIT) !== 0;
  if (!keep && (flags & O_DIRECTORY) !== 0) return -errno.ENOTDIR;
  if ((flags & O_PATH) !== 0) return PROCEED;
  if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) return -errno.EEXIST;
  if ((flags & O_DIRECT) !== 0) return -errno.EINVAL;
  // The number is set aside before the port is opened: where there is none, no line moves.
  if (!trap.task.files.hasRoom()) return -errno.EMFILE;
  // Programs that were killed while they waited have the port no more.
  trap.context.serial?.waiting.attempt();
  const privileged = isPrivileged(trap.tid);
  return handOut(trap, flags, line.open({ flags, keep, privileged }));
}

/** Gives the program its descriptor, or lets it wait for it. */
function handOut(trap: Trap, flags: number, opened: SerialOpened): Answer {
  const { call, context } = trap;
  const give = ({ descriptor }: { readonly descriptor: number }) => {
    const fd = context.listener.addDescriptor(call.id, descriptor, (flags & O_CLOEXEC) !== 0, true);
    close(descriptor);
    return fd;
  };
  if ('descriptor' in opened) {
    const fd = give(opened);
    return fd < 0 ? fd : ANSWERED;
  }
  let waiting = opened;
  context.serial?.waiting.add({
    call,
    listener: context.listener,
    attempt: () => {
      const next = waiting.again();
      if ('descriptor' in next) return give(next);
      waiting = next;
      return undefined;
    },
    // A descriptor that was given has answered the call.
    answer: (result) => result < 0 && context.listener.respond(call.id, result),
    giveUp: () => waiting.giveUp(),
  });
  return ANSWERED;
}

/** An ioctl of type T, on whatever descriptor. @throws KernelError as the tty says */
export function ttyIoctlTrap(trap: Trap): Answer {
  const command = trap.word(1);
  const { serial, listener } = trap.context;
  if (serial === undefined || !lineIoctlNumbers.has(command)) return PROCEED;
  const line = serial.behind(descriptorPath(trap.tid, trap.int(0)));
  // Those of the host answer for themselves.
  if (!(line instanceof EmulatedLine)) return PROCEED;
  const answer = line.ioctl({
    command,
    argument: trap.address(2),
    memory: trap.memory,
    // Few commands ask for it, and it takes a while to find out.
    get privileged() {
      return isPrivileged(trap.tid);
    },
  });
  if (answer === undefined) return PROCEED;
  if (typeof answer === 'number') return answer;
  const { call } = trap;
  serial.waiting.add({
    call,
    listener,
    attempt: answer,
    answer: (result) => listener.respond(call.id, result),
    giveUp: () => {},
  });
  return ANSWERED;
}

/** Whether a thread has CAP_SYS_ADMIN, as its process sees it. */
function isPrivileged(tid: number): boolean {
  try {
    const [, effective = '0'] = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${tid}/status`, 'latin1')) ?? [];
    return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
}
