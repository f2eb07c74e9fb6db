/** Locks of open files (`flock`), which the kernel lets go of when their last descriptor is closed. */
import { errno } from '../uapi/errno.js';
import { numbers } from './architecture.js';
import { checked } from './descriptors.js';
import { syscall } from './libc.js';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const EINTR = -errno.EINTR;
const EAGAIN = -errno.EAGAIN;

/** Waits until nobody else holds a lock of the file, and takes it. */
export function lock(fd: number): void {
  let result: number;
  do result = syscall(numbers.flock, fd, LOCK_EX);
  while (result === EINTR);
  checked('flock', result);
}

/** Whether somebody holds the lock of the file. Those who ask at the same time do not disturb each other. */
export function isLocked(fd: number): boolean {
  const result = syscall(numbers.flock, fd, LOCK_SH | LOCK_NB);
  if (result === EAGAIN) return true;
  checked('flock', result);
  syscall(numbers.flock, fd, LOCK_UN);
  return false;
}

/** Takes the lock of the file for this open file alone. Returns whether nobody else had one. */
export function tryLock(fd: number): boolean {
  const result = syscall(numbers.flock, fd, LOCK_EX | LOCK_NB);
  if (result === EAGAIN) return false;
  checked('flock', result);
  return true;
}

/** Lets go of the lock of an open file, for all descriptors of it. */
export function unlock(fd: number): void {
  checked('flock', syscall(numbers.flock, fd, LOCK_UN));
}
