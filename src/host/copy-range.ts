import { numbers } from './architecture.js';
import { checked, seek } from './descriptors.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

const SEEK_SET = 0;
const offset = scratch(8);

/**
 * Copies the bytes `start` up to but not including `end` of one file to the same place in another, whose position it
 * moves. The kernel carries them over, a few pages at a time. It ends early where the file does.
 *
 * @throws SystemError
 */
export function copyRange(from: number, to: number, start: number, end: number): void {
  checked('lseek', seek(to, start, SEEK_SET));
  for (let at = start; at < end; ) {
    offset.view.setBigInt64(0, BigInt(at), true);
    const copied = checked('sendfile', syscall(numbers.sendfile, to, from, offset.address, end - at));
    if (copied === 0) return;
    at += copied;
  }
}
