import type { Termios } from '../uapi/tty.js';
import { LuoPortError } from './error.js';
import { getTermios, setTermios } from './port.js';

/** How far a speed may be off before the two ends misunderstand each other. */
const TOLERANCE = 0.05;

/**
 * Looks at what a driver made of a speed that it was to take: many keep another one without a word.
 *
 * @param before what the port goes back to where it is too far off
 * @throws LuoPortError `EINVAL`
 */
export function checkSpeed(fd: number, baudRate: number, before: Termios, action: string): void {
  const { outputSpeed } = getTermios(fd);
  if (Math.abs(outputSpeed - baudRate) <= baudRate * TOLERANCE) return;
  setTermios(fd, before);
  throw new LuoPortError(`Cannot ${action}: its driver took ${outputSpeed} instead of ${baudRate}`, 'EINVAL');
}
