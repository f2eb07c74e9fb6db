/**
 * The last descriptors that this process may open, which programs cannot use up: whatever they preserve, there is room
 * to answer the commands of luo, and to go into the next generation.
 */
import { SystemError } from '../host/libc.js';
import { descriptorLimits, setDescriptorLimit } from '../host/processes.js';
import { errnoName } from '../uapi/errno.js';

/** A kexec takes about ten, a command of luo one. */
const RESERVE = 24n;

const limit = descriptorLimits(0)?.hard;
let users = 0;

/** From now on the reserve can be used only where it is opened. */
export function keepReserve(): void {
  if (limit !== undefined && limit > RESERVE) setDescriptorLimit(limit - RESERVE);
}

/** Until `closeReserve`, which must follow. */
export function openReserve(): void {
  users += 1;
  if (users === 1 && limit !== undefined) setDescriptorLimit(limit);
}

export function closeReserve(): void {
  users -= 1;
  if (users === 0) keepReserve();
}

/** Does something that is luo's own, and for no program. */
export function withReserve<T>(action: () => T): T {
  openReserve();
  try {
    return action();
  } finally {
    closeReserve();
  }
}

/** Whether an error of a system call says that there is no room for another descriptor. */
export function isOutOfDescriptors(error: unknown): boolean {
  if (error instanceof SystemError) return ['EMFILE', 'ENFILE'].includes(errnoName(error.errno));
  // Errors of Node's file functions carry the error's name.
  return error instanceof Error && 'code' in error && error.code === 'EMFILE';
}
