/** `asm-generic/ioctls.h` and `asm-generic/termbits.h`: commands and settings of terminals, as x86-64 and arm64 have them. */
import { IocDirection, ioc } from './ioctl.js';

/** The letter of the commands. Most of their numbers are older than the scheme that ioctl.ts has. */
export const TTY_IOCTL_TYPE = 0x54;

export const ttyCommands = {
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TCSETSW: 0x5403,
  TCSETSF: 0x5404,
  TCGETA: 0x5405,
  TCSETA: 0x5406,
  TCSETAW: 0x5407,
  TCSETAF: 0x5408,
  TCSBRK: 0x5409,
  TCXONC: 0x540a,
  TCFLSH: 0x540b,
  TIOCEXCL: 0x540c,
  TIOCNXCL: 0x540d,
  TIOCMGET: 0x5415,
  TIOCMBIS: 0x5416,
  TIOCMBIC: 0x5417,
  TIOCMSET: 0x5418,
  TIOCGSOFTCAR: 0x5419,
  TIOCSSOFTCAR: 0x541a,
  TIOCGSERIAL: 0x541e,
  TIOCSSERIAL: 0x541f,
  TCSBRKP: 0x5425,
  TIOCSBRK: 0x5427,
  TIOCCBRK: 0x5428,
  TIOCGRS485: 0x542e,
  TIOCSRS485: 0x542f,
  TIOCMIWAIT: 0x545c,
  TIOCGICOUNT: 0x545d,
  TCGETS2: ioc(IocDirection.read, TTY_IOCTL_TYPE, 0x2a, 44),
  TCSETS2: ioc(IocDirection.write, TTY_IOCTL_TYPE, 0x2b, 44),
  TCSETSW2: ioc(IocDirection.write, TTY_IOCTL_TYPE, 0x2c, 44),
  TCSETSF2: ioc(IocDirection.write, TTY_IOCTL_TYPE, 0x2d, 44),
  TIOCGEXCL: ioc(IocDirection.read, TTY_IOCTL_TYPE, 0x40, 4),
} as const;

// Modem lines, as TIOCMGET and its kin have them.
export const TIOCM_DTR = 0x002;
export const TIOCM_RTS = 0x004;
export const TIOCM_CTS = 0x020;
export const TIOCM_CAR = 0x040;
export const TIOCM_RNG = 0x080;
export const TIOCM_DSR = 0x100;
export const TIOCM_OUT1 = 0x2000;
export const TIOCM_OUT2 = 0x4000;
export const TIOCM_LOOP = 0x8000;

/** The control characters that Linux has. */
export const NCCS = 19;

/** `struct termios2`, of which `struct termios` is the beginning. */
export interface Termios {
  readonly inputFlags: number;
  readonly outputFlags: number;
  readonly controlFlags: number;
  readonly localFlags: number;
  readonly lineDiscipline: number;
  /** NCCS of them. */
  readonly controlCharacters: readonly number[];
  /** Bits a second. */
  readonly inputSpeed: number;
  readonly outputSpeed: number;
}

/** Bytes of `struct termios` and `struct termios2` of the kernel. */
export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;

// Bits of the input, output and local flags that a new terminal has.
export const ICRNL = 0o400;
export const IXON = 0o2000;
export const OPOST = 0o1;
export const ONLCR = 0o4;
export const ISIG = 0o1;
export const ICANON = 0o2;
export const ECHO = 0o10;
export const ECHOE = 0o20;
export const ECHOK = 0o40;
export const ECHOCTL = 0o1000;
export const ECHOKE = 0o4000;
export const IEXTEN = 0o100000;

// Bits of the control flags.
export const CBAUD = 0o10017;
export const CBAUDEX = 0o10000;
/** Any speed, which stands in the structure. */
export const BOTHER = 0o10000;
/** Hang up: DTR and RTS fall. */
export const B0 = 0;
export const B9600 = 0o15;
export const CSIZE = 0o60;
export const CS8 = 0o60;
export const CSTOPB = 0o100;
export const CREAD = 0o200;
export const PARENB = 0o400;
export const PARODD = 0o1000;
/** The last close drops DTR and RTS. */
export const HUPCL = 0o2000;
/** Carrier is not looked at. */
export const CLOCAL = 0o4000;
export const CIBAUD = 0o2003600000;
export const IBSHIFT = 16;
export const CMSPAR = 0o10000000000;
export const CRTSCTS = 0o20000000000;

/** The speeds that have a code of their own: B0 to B38400, then B57600 to B4000000 with CBAUDEX. */
const lowSpeeds = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
const highSpeeds = [
  57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000,
  4000000,
];

/** The speed that a code of the control flags stands for, in bits a second; undefined for BOTHER. */
export function speedOf(code: number): number | undefined {
  return (code & CBAUDEX) === 0 ? lowSpeeds[code & 0xf] : highSpeeds[(code & 0xf) - 1];
}

/** The code of a speed in the control flags: BOTHER where it has none of its own. */
export function speedCode(speed: number): number {
  const low = lowSpeeds.indexOf(speed);
  if (low >= 0) return low;
  const high = highSpeeds.indexOf(speed);
  return high >= 0 ? CBAUDEX | (high + 1) : BOTHER;
}

/** @param bytes `struct termios` or `struct termios2`; the shorter one has no speeds but those of its flags */
export function decodeTermios(bytes: Uint8Array): Termios {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const controlFlags = view.getUint32(8, true);
  const coded = speedOf(controlFlags & CBAUD);
  const codedInput = controlFlags & CIBAUD;
  const hasSpeeds = bytes.length >= TERMIOS2_SIZE;
  const outputSpeed = coded ?? (hasSpeeds ? view.getUint32(40, true) : 9600);
  const inputCode = codedInput >>> IBSHIFT;
  const inputSpeed =
    inputCode === B0 ? outputSpeed : (speedOf(inputCode) ?? (hasSpeeds ? view.getUint32(36, true) : outputSpeed));
  return {
    inputFlags: view.getUint32(0, true),
    outputFlags: view.getUint32(4, true),
    controlFlags,
    localFlags: view.getUint32(12, true),
    lineDiscipline: view.getUint8(16),
    controlCharacters: [...bytes.subarray(17, 17 + NCCS)],
    inputSpeed,
    outputSpeed,
  };
}

/** `struct termios2`; its first TERMIOS_SIZE bytes are `struct termios`. */
export function encodeTermios(termios: Termios): Uint8Array {
  const bytes = new Uint8Array(TERMIOS2_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, termios.inputFlags, true);
  view.setUint32(4, termios.outputFlags, true);
  view.setUint32(8, termios.controlFlags, true);
  view.setUint32(12, termios.localFlags, true);
  view.setUint8(16, termios.lineDiscipline);
  bytes.set(termios.controlCharacters.slice(0, NCCS), 17);
  view.setUint32(36, termios.inputSpeed, true);
  view.setUint32(40, termios.outputSpeed, true);
  return bytes;
}

/** Bytes of `struct termio`, the older form of `struct termios`. */
export const TERMIO_SIZE = 18;
const TERMIO_CHARACTERS = 8;

export function encodeTermio(termios: Termios): Uint8Array {
  const bytes = new Uint8Array(TERMIO_SIZE);
  const view = new DataView(bytes.buffer);
  const { inputFlags, outputFlags, controlFlags, localFlags } = termios;
  for (const [index, flags] of [inputFlags, outputFlags, controlFlags, localFlags].entries())
    view.setUint16(index * 2, flags & 0xffff, true);
  view.setUint8(8, termios.lineDiscipline);
  bytes.set(termios.controlCharacters.slice(0, TERMIO_CHARACTERS), 9);
  return bytes;
}

/** What `struct termio` cannot say stays as it is. */
export function decodeTermio(bytes: Uint8Array, now: Termios): Termios {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = (offset: number, flags: number) => ((flags & 0xffff0000) | view.getUint16(offset, true)) >>> 0;
  const changed = encodeTermios({
    ...now,
    inputFlags: low(0, now.inputFlags),
    outputFlags: low(2, now.outputFlags),
    controlFlags: low(4, now.controlFlags),
    localFlags: low(6, now.localFlags),
    lineDiscipline: view.getUint8(8),
    controlCharacters: [...bytes.subarray(9, 9 + TERMIO_CHARACTERS), ...now.controlCharacters.slice(TERMIO_CHARACTERS)],
  });
  return decodeTermios(changed);
}
