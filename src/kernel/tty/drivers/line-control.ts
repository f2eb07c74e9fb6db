/** LCR of a 16550: how bytes are framed. */
import { CMSPAR, CSIZE, CSTOPB, PARENB, PARODD } from '../../../uapi/tty.js';

const LCR_WORD_LENGTH = 0x03;
const LCR_STOP = 0x04;
const LCR_PARITY = 0x08;
const LCR_EVEN = 0x10;
const LCR_STICK = 0x20;
export const LCR_BREAK = 0x40;
export const LCR_DLAB = 0x80;

/** The control flags that LCR holds. */
export const WIRE_FLAGS = CSIZE | CSTOPB | PARENB | PARODD | CMSPAR;

export function lineControlOf(flags: number): number {
  return (
    ((flags & CSIZE) >> 4) |
    ((flags & CSTOPB) === 0 ? 0 : LCR_STOP) |
    ((flags & PARENB) === 0 ? 0 : LCR_PARITY) |
    ((flags & PARODD) === 0 ? LCR_EVEN : 0) |
    ((flags & CMSPAR) === 0 ? 0 : LCR_STICK)
  );
}

export function controlFlagsOf(lineControl: number): number {
  const data = ((lineControl & LCR_WORD_LENGTH) << 4) | ((lineControl & LCR_STOP) === 0 ? 0 : CSTOPB);
  if ((lineControl & LCR_PARITY) === 0) return data;
  const odd = (lineControl & LCR_EVEN) === 0 ? PARODD : 0;
  return data | PARENB | odd | ((lineControl & LCR_STICK) === 0 ? 0 : CMSPAR);
}
