/** What the commands of a port are to the pseudo-terminal that stands for it. */
import { ttyIoctlNumbers } from '../../kernel/kernel.js';
import { ttyCommands } from '../../uapi/tty.js';

const c = ttyCommands;

/** How much was written that has not gone out: the host's pseudo-terminal has passed it on already. */
export const TIOCOUTQ = 0x5411;
export const TIOCVHANGUP = 0x5437;
/** What TCFLSH throws away where it is output. */
export const outputQueues: readonly bigint[] = [1n, 2n];

/** The commands that a port may answer. All others are for its line discipline. */
export const lineIoctlNumbers: ReadonlySet<number> = new Set([...ttyIoctlNumbers, c.TCFLSH, TIOCOUTQ, TIOCVHANGUP]);

/** Commands that wait until all that was written has gone out. */
export const draining: ReadonlySet<number> = new Set([
  ...[c.TCSETSW, c.TCSETSF, c.TCSETSW2, c.TCSETSF2, c.TCSETAW, c.TCSETAF],
  ...[c.TCSBRK, c.TCSBRKP],
]);

/** Commands that throw away what has come in and was not read. */
export const flushing: ReadonlySet<number> = new Set([c.TCSETSF, c.TCSETSF2, c.TCSETAF]);

/** Commands that may change what the line discipline does. */
export const changingTermios: ReadonlySet<number> = new Set([
  ...[c.TCSETS, c.TCSETSW, c.TCSETSF, c.TCSETS2, c.TCSETSW2, c.TCSETSF2],
  ...[c.TCSETA, c.TCSETAW, c.TCSETAF, c.TIOCSSOFTCAR],
]);
