import { numbers } from './architecture.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

/** Longer than any structure that luo hands in. */
const argumentMemory = scratch(256);

/**
 * Makes an ioctl whose argument is a structure of at most 256 bytes, which the kernel reads and writes.
 *
 * @returns what the kernel returned, or the negative error number
 */
export function ioctl(fd: number, command: number, argument: Uint8Array): number {
  argumentMemory.bytes.set(argument);
  const result = syscall(numbers.ioctl, fd, command, argumentMemory.address);
  argument.set(argumentMemory.bytes.subarray(0, argument.length));
  return result;
}
