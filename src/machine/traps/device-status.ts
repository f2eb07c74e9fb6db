/** What `stat` and its kin tell of character devices that luo makes: each looks like the file of the host that stands for it. */
import { statBytes, statPath } from '../../host/descriptors.js';
import type { Placeholder } from '../placeholder.js';

export interface DeviceStatus {
  /** Type and permission bits. */
  readonly mode: number;
  /** Of what a special file stands for; 0 for others. */
  readonly major: number;
  readonly minor: number;
}

export const S_IFCHR = 0o020000;

const STAT_SIZE = process.arch === 'x64' ? 144 : 128;
const STATX_SIZE = 256;
const STATX_BASIC_STATS = 0x7ff;
/** Files that stand for different devices are different files: beyond the numbers that file systems give. */
const FIRST_INODE = 1n << 48n;

/** `struct stat`. */
export function structStat({ path }: Placeholder, { mode, major, minor }: DeviceStatus, isPort = false): Uint8Array {
  const bytes = statBytes(path, STAT_SIZE);
  const x64 = process.arch === 'x64';
  bytes.writeUInt32LE(mode, x64 ? 24 : 16);
  bytes.writeBigUInt64LE(encoded(major, minor), x64 ? 40 : 32);
  if (isPort) bytes.writeBigUInt64LE(FIRST_INODE | encoded(major, minor), 8);
  return bytes;
}

/** `struct statx`. */
export function structStatx({ path }: Placeholder, { mode, major, minor }: DeviceStatus, isPort = false): Uint8Array {
  const status = statPath(path);
  const bytes = Buffer.alloc(STATX_SIZE);
  bytes.writeUInt32LE(STATX_BASIC_STATS, 0);
  bytes.writeUInt32LE(4096, 4);
  bytes.writeUInt32LE(1, 16);
  bytes.writeUInt32LE(process.getuid?.() ?? 0, 20);
  bytes.writeUInt32LE(process.getgid?.() ?? 0, 24);
  bytes.writeUInt16LE(mode, 28);
  if (typeof status !== 'number') {
    bytes.writeBigUInt64LE(isPort ? FIRST_INODE | encoded(major, minor) : status.inode, 32);
    bytes.writeUInt32LE(Number((status.device >> 8n) & 0xfffn), 136);
    bytes.writeUInt32LE(Number(status.device & 0xffn), 140);
  }
  bytes.writeUInt32LE(major, 128);
  bytes.writeUInt32LE(minor, 132);
  return bytes;
}

/** The number of a device as `struct stat` has it, for minor numbers below 256. */
function encoded(major: number, minor: number): bigint {
  return BigInt((major << 8) | minor);
}

/** Major and first minor number of serial ports, by the letters of their names. */
const numbersOfPorts: Readonly<Record<string, { readonly major: number; readonly first: number } | undefined>> = {
  ttyS: { major: 4, first: 64 },
  ttyUSB: { major: 188, first: 0 },
  ttyACM: { major: 166, first: 0 },
  ttyAMA: { major: 204, first: 64 },
};
/** Linux leaves it to whoever wants it. */
const LOCAL_MAJOR = 240;

/** A serial port by its name, such as `ttyS0`: anybody in the machine may open it. */
export function portStatus(name: string): DeviceStatus {
  const [, letters = '', number = '0'] = /^([A-Za-z]+)(\d+)$/.exec(name) ?? [];
  const { major, first } = numbersOfPorts[letters] ?? { major: LOCAL_MAJOR, first: 0 };
  return { mode: S_IFCHR | 0o666, major, minor: (first + Number(number)) & 0xff };
}
