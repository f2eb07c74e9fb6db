import { errno } from '../uapi/errno.js';
import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const POLLIN = 0x001;
const EINTR = -errno.EINTR;
const MOST_DESCRIPTORS = 16;

/** `struct pollfd` is { s32 fd; s16 events; s16 revents }. */
const entries = scratch(MOST_DESCRIPTORS * 8);
const time = scratch(16);

/**
 * A few descriptors to wait for.
 *
 * Slower than epoll with many. But where the kernel wakes the waiting thread on the processor that it runs on itself,
 * as for a seccomp listener, it does so only for a thread that waits for the very descriptor.
 */
export class Poll {
  readonly #descriptors: number[] = [];

  /** @throws RangeError for a 17th descriptor */
  add(fd: number): void {
    if (this.#descriptors.length === MOST_DESCRIPTORS)
      throw new RangeError(`Cannot wait for more than ${MOST_DESCRIPTORS} descriptors at once`);
    this.#descriptors.push(fd);
  }

  remove(fd: number): void {
    const index = this.#descriptors.indexOf(fd);
    if (index >= 0) this.#descriptors.splice(index, 1);
  }

  /**
   * Waits until at least one descriptor is readable or has hung up, a signal arrives, or the time is over.
   *
   * @param timeout milliseconds; -1 for no end
   * @param handle called for each that is ready, with its events. It may add and remove descriptors.
   */
  wait(timeout: number, handle: (fd: number, events: number) => void): void {
    const asked = this.#descriptors;
    for (let index = 0; index < asked.length; index++) {
      entries.view.setInt32(index * 8, asked[index] ?? -1, true);
      entries.view.setInt32(index * 8 + 4, POLLIN, true);
    }
    const timeAddress = timeout < 0 ? 0 : timeIn(timeout);
    const count = syscall(numbers.ppoll, entries.address, asked.length, timeAddress, 0, 8);
    if (count === EINTR || checked('ppoll', count) === 0) return;
    const found: number[] = [];
    for (let index = 0; index < asked.length; index++) {
      const events = entries.view.getInt16(index * 8 + 6, true);
      if (events !== 0) found.push(entries.view.getInt32(index * 8, true), events);
    }
    for (let index = 0; index < found.length; index += 2) handle(found[index] ?? -1, found[index + 1] ?? 0);
  }
}

/**
 * What one descriptor is ready for.
 *
 * @param timeout milliseconds
 * @returns POLL* bits, 0 where it is ready for nothing
 */
export function pollOnce(fd: number, timeout: number): number {
  const poll = new Poll();
  poll.add(fd);
  let ready = 0;
  poll.wait(timeout, (_, events) => {
    ready = events;
  });
  return ready;
}

/** Whether a read of the descriptor would not wait: there is something to read, or an end of file. */
export function isReadable(fd: number): boolean {
  return pollOnce(fd, 0) !== 0;
}

function timeIn(milliseconds: number): number {
  time.view.setUint32(0, Math.trunc(milliseconds / 1000), true);
  time.view.setUint32(8, (milliseconds % 1000) * 1_000_000, true);
  return time.address;
}
