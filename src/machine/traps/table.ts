import { type SyscallName, syscallNumbers } from '../../uapi/syscalls.js';
import { advise } from './advise.js';
import { attributeTraps } from './attributes.js';
import { fileTraps } from './files.js';
import { ioctl } from './ioctl.js';
import { openTraps } from './open.js';
import { powerTraps } from './power.js';
import { statusTraps, strictStatusTraps } from './status.js';
import { hangUpTraps, transferTraps } from './transfer.js';
import type { Answer, Trap } from './trap.js';

export type TrapHandler = (trap: Trap) => Answer;

const { addSeals, ...sizeTraps } = fileTraps;

/** Without --strict the only command of `fcntl` that comes to luo is F_ADD_SEALS. */
const ordinary: Partial<Record<SyscallName, TrapHandler>> = {
  ...openTraps,
  ...statusTraps,
  ...attributeTraps,
  ...sizeTraps,
  ...powerTraps,
  ...hangUpTraps,
  ioctl,
  fcntl: addSeals,
};

const strictly: Partial<Record<SyscallName, TrapHandler>> = {
  ...transferTraps,
  ...strictStatusTraps,
  madvise: advise,
};

/** What answers each system call that the filter lets through to luo, by its number on this architecture. */
export function trapTable(strict: boolean): ReadonlyMap<number, TrapHandler> {
  const numbers = syscallNumbers(process.arch);
  const table = new Map<number, TrapHandler>();
  for (const [name, handler] of Object.entries({ ...ordinary, ...(strict ? strictly : {}) })) {
    // The keys are those of the two tables above.
    const number = numbers[name as SyscallName];
    if (number !== undefined) table.set(number, handler);
  }
  return table;
}
