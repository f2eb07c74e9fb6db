/** How the number of an ioctl command is made up (asm-generic/ioctl.h, the same on x86-64 and arm64). */

const NR_BITS = 8;
const TYPE_SHIFT = NR_BITS;
const SIZE_SHIFT = 16;
const DIRECTION_SHIFT = 30;

/** Which way the argument goes, as the program sees it. */
export const IocDirection = { none: 0, write: 1, read: 2, readWrite: 3 } as const;

/** `_IOC`: a command as an unsigned 32-bit number. */
export function ioc(direction: number, type: number, nr: number, size: number): number {
  return ((direction << DIRECTION_SHIFT) | (size << SIZE_SHIFT) | (type << TYPE_SHIFT) | nr) >>> 0;
}

/** `_IO`: a command whose number says nothing about its argument. */
export function io(type: number, nr: number): number {
  return ioc(IocDirection.none, type, nr, 0);
}

/** `_IOR`: a command that gives `size` bytes to the program. */
export function ior(type: number, nr: number, size: number): number {
  return ioc(IocDirection.read, type, nr, size);
}

/** `_IOW`: a command that takes `size` bytes from the program. */
export function iow(type: number, nr: number, size: number): number {
  return ioc(IocDirection.write, type, nr, size);
}

/** `_IOWR`: a command that takes `size` bytes and gives as many. */
export function iowr(type: number, nr: number, size: number): number {
  return ioc(IocDirection.readWrite, type, nr, size);
}

/** `_IOC_NR`: the number of the command within its type. */
export function iocNr(command: number): number {
  return command & 0xff;
}

/** `_IOC_TYPE`: the letter or number of the driver. */
export function iocType(command: number): number {
  return (command >>> TYPE_SHIFT) & 0xff;
}
