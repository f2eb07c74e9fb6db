import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const POLLIN = 0x001;
const EINTR = -4;
const MOST_DESCRIPTORS = 16;

/** `struct pollfd` is { s32 fd; s16 events; s16 revents }. */
const entries = scratch(MOST_DESCRIPTORS * 8);
const time = scratch(16);

/**
 * Waits until at least one of up to 16 descriptors is readable or has hung up, a signal arrives, or the time is over.
 *
 * Slower than epoll with many descriptors. But where the kernel wakes the waiting thread on the processor that it runs
 * on itself, as for a seccomp listener, it does so only for a thread that waits for the very descriptor.
 *
 * @param timeout milliseconds; -1 for no end
 * @returns the events of each descriptor, 0 for none
 */
export function poll(descriptors: readonly number[], timeout: number): number[] {
  descriptors.forEach((fd, index) => {
    entries.view.setInt32(index * 8, fd, true);
    entries.view.setInt32(index * 8 + 4, POLLIN, true);
  });
  time.view.setBigInt64(0, BigInt(Math.trunc(timeout / 1000)), true);
  time.view.setBigInt64(8, BigInt((timeout % 1000) * 1_000_000), true);
  const timeAddress = timeout < 0 ? 0 : time.address;
  const count = syscall(numbers.ppoll, entries.address, descriptors.length, timeAddress, 0, 8);
  if (count === EINTR) return descriptors.map(() => 0);
  checked('ppoll', count);
  return descriptors.map((_, index) => entries.view.getInt16(index * 8 + 6, true));
}
