/** What a program of `serialport` wants of a port, as the kernel has it. */
import {
  BOTHER,
  CBAUD,
  CIBAUD,
  CLOCAL,
  CMSPAR,
  CREAD,
  CRTSCTS,
  CS8,
  CSIZE,
  CSTOPB,
  HUPCL,
  IXON,
  PARENB,
  PARODD,
  speedCode,
  type Termios,
} from '../uapi/tty.js';

/** How to open a port. */
export interface LuoOpenOptions {
  /** Such as `/dev/ttyUSB0`, or a name in `/dev/serial/by-id`. */
  path: string;
  /** Bits a second: any speed that the driver can give, to 5 %. */
  baudRate: number;
  /** 8 unless told. */
  dataBits?: 5 | 6 | 7 | 8;
  /** Keeps out programs that ask for a lock, too (`flock`). true unless told. */
  lock?: boolean;
  /** 1 unless told; 1.5 goes with 5 data bits alone. */
  stopBits?: 1 | 1.5 | 2;
  /** `none` (unless told), `even`, `odd`, `mark` or `space`. */
  parity?: string;
  /** Flow control by the lines RTS and CTS. */
  rtscts?: boolean;
  /** What is sent stops when the other end says so. */
  xon?: boolean;
  /** Tells the other end to stop when there is no room. */
  xoff?: boolean;
  /** Any character lets what is sent go on. */
  xany?: boolean;
  /** Whether the last close of the port drops DTR and RTS. false unless told: other bindings have true. */
  hupcl?: boolean;
  /** How many bytes make a read worth while, 1 to 255. 1 unless told. */
  vmin?: number;
  /** How long a read waits for more of them, in tenths of a second. 0 unless told. */
  vtime?: number;
  /**
   * Whether the port may be opened where that can move DTR and RTS, because no luo holds it and the kernel has no
   * O_NRESETDEV: `refuse` (unless told), or `allow`.
   */
  reset?: 'refuse' | 'allow';
}

const IGNPAR = 0o4;
const IXANY = 0o4000;
const IXOFF = 0o10000;
const VTIME = 5;
const VMIN = 6;
const parities = new Map([
  ['none', 0],
  ['even', PARENB],
  ['odd', PARENB | PARODD],
  ['mark', PARENB | PARODD | CMSPAR],
  ['space', PARENB | CMSPAR],
]);

/**
 * Everything as it will be.
 *
 * @throws TypeError or RangeError for what no port can do, with a sentence
 */
export function completeOptions(options: LuoOpenOptions): Required<LuoOpenOptions> {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('Cannot open a port: "options" is no object');
  const { path } = options;
  if (typeof path !== 'string' || path === '') throw new TypeError('Cannot open a port: "path" is needed');
  const complete = {
    dataBits: 8,
    lock: true,
    stopBits: 1,
    parity: 'none',
    rtscts: false,
    xon: false,
    xoff: false,
    xany: false,
    hupcl: false,
    vmin: 1,
    vtime: 0,
    reset: 'refuse',
    ...withoutUndefined(options),
  } satisfies Required<LuoOpenOptions>;
  const problem = problemOf(complete);
  if (problem === undefined) return complete;
  throw new RangeError(`Cannot open ${path}: ${problem}`);
}

/** What is undefined counts as not told. */
function withoutUndefined(options: LuoOpenOptions): LuoOpenOptions {
  // The entries are those of the object.
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as LuoOpenOptions;
}

function problemOf(options: Required<LuoOpenOptions>): string | undefined {
  const { baudRate, dataBits, stopBits, parity, vmin, vtime, reset } = options;
  const isByte = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255;
  if (!isSpeed(baudRate)) return `baudRate ${baudRate} is no whole number from 1`;
  if (![5, 6, 7, 8].includes(dataBits)) return `dataBits is ${dataBits}, and not 5, 6, 7 or 8`;
  if (![1, 1.5, 2].includes(stopBits)) return `stopBits is ${stopBits}, and not 1, 1.5 or 2`;
  if (stopBits === 1.5 && dataBits !== 5) return 'stopBits 1.5 goes with dataBits 5 alone';
  if (!parities.has(parity)) return `parity is "${parity}", and not one of ${[...parities.keys()].join(', ')}`;
  if (!isByte(vmin) || !isByte(vtime)) return 'vmin and vtime are whole numbers up to 255';
  if (vmin === 0) return 'vmin 0 makes each read without data look like the end of the port: use 1';
  if (reset !== 'refuse' && reset !== 'allow') return `reset is "${reset}", and not "refuse" or "allow"`;
  return undefined;
}

/** Whether it can be asked of a driver. 0 would drop the lines. */
export function isSpeed(baudRate: number): boolean {
  return Number.isInteger(baudRate) && baudRate > 0 && baudRate < 2 ** 32;
}

/** The settings of a port of bytes without any meaning, from those that it has. */
export function termiosFor(options: Required<LuoOpenOptions>, now: Termios): Termios {
  const { dataBits, stopBits, parity, rtscts, xon, xoff, xany, hupcl, vmin, vtime, baudRate } = options;
  const ours = CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | CRTSCTS | HUPCL;
  const size = CS8 - ((8 - dataBits) << 4);
  const controlFlags =
    (now.controlFlags & ~ours) |
    (CLOCAL | CREAD | size | (parities.get(parity) ?? 0)) |
    (stopBits > 1 ? CSTOPB : 0) |
    (rtscts ? CRTSCTS : 0) |
    (hupcl ? HUPCL : 0);
  const controlCharacters = [...now.controlCharacters];
  controlCharacters[VMIN] = vmin;
  controlCharacters[VTIME] = vtime;
  const raw: Termios = {
    ...now,
    inputFlags: IGNPAR | (xon ? IXON : 0) | (xoff ? IXOFF : 0) | (xany ? IXANY : 0),
    outputFlags: 0,
    controlFlags: controlFlags >>> 0,
    localFlags: 0,
    controlCharacters,
  };
  return withSpeed(raw, baudRate);
}

/** The same in both directions. */
export function withSpeed(termios: Termios, baudRate: number): Termios {
  const code = speedCode(baudRate);
  const controlFlags = ((termios.controlFlags & ~(CBAUD | CIBAUD)) | (code === 0 ? BOTHER : code)) >>> 0;
  return { ...termios, controlFlags, inputSpeed: baudRate, outputSpeed: baudRate };
}
