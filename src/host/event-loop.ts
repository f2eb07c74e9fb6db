/**
 * The meeting of a blocking loop with Node's own. A process that waits for descriptors that Node cannot wait for must
 * still get signals and what comes in through Node. libuv waits for those with epoll, and an epoll descriptor is itself
 * readable when it has something: so the process waits for that too, and then gives Node a turn.
 */
import { readdirSync, readlinkSync } from 'node:fs';

/** The epoll descriptors of this process, before it has made any by itself: those of libuv. */
export function eventLoopDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => linkOf(fd) === 'anon_inode:[eventpoll]');
}

function linkOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor that listed the directory.
    return undefined;
  }
}

/** Lets Node handle what has come in. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
