import { errno } from '../uapi/errno.js';
import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

export const EPOLLIN = 0x001;
export const EPOLLHUP = 0x010;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EINTR = -errno.EINTR;

/** struct epoll_event is packed on x86-64 alone. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const MOST_EVENTS = 64;

const change = scratch(16);
const ready = scratch(EVENT_SIZE * MOST_EVENTS);

/** A set of descriptors to wait for, each with a number to know it by. It is a descriptor that can be waited for too. */
export class Epoll {
  readonly fd = checked('epoll_create1', syscall(numbers.epoll_create1, EPOLL_CLOEXEC));

  add(fd: number, events: number, key: number): void {
    change.view.setUint32(0, events, true);
    change.view.setBigUint64(DATA_OFFSET, BigInt(key), true);
    checked(`epoll_ctl of ${fd}`, syscall(numbers.epoll_ctl, this.fd, EPOLL_CTL_ADD, fd, change.address));
  }

  remove(fd: number): void {
    checked(`epoll_ctl of ${fd}`, syscall(numbers.epoll_ctl, this.fd, EPOLL_CTL_DEL, fd, 0));
  }

  /**
   * Waits until at least one descriptor is ready, a signal arrives, or the time is over.
   *
   * @param timeout milliseconds; -1 for no end
   * @returns the keys of up to 64 that are ready, with their events
   */
  wait(timeout: number): Array<{ key: number; events: number }> {
    const count = syscall(numbers.epoll_pwait, this.fd, ready.address, MOST_EVENTS, timeout, 0, 8);
    if (count === EINTR) return [];
    const found: Array<{ key: number; events: number }> = [];
    for (let i = 0; i < checked('epoll_pwait', count); i++) {
      const offset = i * EVENT_SIZE;
      found.push({
        key: Number(ready.view.getBigUint64(offset + DATA_OFFSET, true)),
        events: ready.view.getUint32(offset, true),
      });
    }
    return found;
  }
}
