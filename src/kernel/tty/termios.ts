/** What the settings of a tty mean to its driver. */
import {
  B9600,
  CBAUD,
  CBAUDEX,
  CIBAUD,
  CLOCAL,
  CREAD,
  CRTSCTS,
  CS8,
  CSIZE,
  CSTOPB,
  ECHO,
  ECHOCTL,
  ECHOE,
  ECHOK,
  ECHOKE,
  HUPCL,
  ICANON,
  ICRNL,
  IEXTEN,
  ISIG,
  IXON,
  NCCS,
  ONLCR,
  OPOST,
  PARENB,
  speedCode,
  type Termios,
} from '../../uapi/tty.js';

/** VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT. */
const characters: readonly number[] = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22];

/** A serial port that nobody has set anything on. */
export const initialTermios: Termios = {
  inputFlags: ICRNL | IXON,
  outputFlags: OPOST | ONLCR,
  controlFlags: B9600 | CS8 | CREAD | HUPCL | CLOCAL,
  localFlags: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
  lineDiscipline: 0,
  controlCharacters: [...characters, ...Array<number>(NCCS - characters.length).fill(0)],
  inputSpeed: 9600,
  outputSpeed: 9600,
};

export function hangsUpOnClose({ controlFlags }: Termios): boolean {
  return (controlFlags & HUPCL) !== 0;
}

export function ignoresCarrier({ controlFlags }: Termios): boolean {
  return (controlFlags & CLOCAL) !== 0;
}

/** Whether the speed is B0: the port is hung up. */
export function isHungUp({ controlFlags }: Termios): boolean {
  return (controlFlags & CBAUD) === 0;
}

export function waitsForCts({ controlFlags }: Termios): boolean {
  return (controlFlags & CRTSCTS) !== 0;
}

/** The same settings with other flags in place of those of a mask. */
export function withControlFlags(termios: Termios, mask: number, flags: number): Termios {
  return { ...termios, controlFlags: ((termios.controlFlags & ~mask) | flags) >>> 0 };
}

/** The same settings at another speed in both directions, bits a second. */
export function atSpeed(termios: Termios, speed: number): Termios {
  const coded = withControlFlags(termios, CBAUD | CBAUDEX | CIBAUD, speedCode(speed));
  return { ...coded, inputSpeed: speed, outputSpeed: speed };
}

/** Microseconds that a bit takes, and the bits of a byte with all that surrounds it. */
export function framing({ controlFlags, outputSpeed }: Termios): { bitTime: number; bits: number } {
  const data = 5 + ((controlFlags & CSIZE) >> 4);
  const parity = (controlFlags & PARENB) === 0 ? 0 : 1;
  const stop = (controlFlags & CSTOPB) === 0 ? 1 : 2;
  return { bitTime: 1e6 / (outputSpeed || 9600), bits: 1 + data + parity + stop };
}

/** Whether a driver has anything to do for it. */
export function changesWire(next: Termios, last: Termios): boolean {
  return (
    next.controlFlags !== last.controlFlags ||
    next.outputSpeed !== last.outputSpeed ||
    next.inputSpeed !== last.inputSpeed ||
    ((next.inputFlags ^ last.inputFlags) & IXON) !== 0
  );
}
