import { readFileSync } from 'node:fs';
import { deviceNumber } from '../../host/descriptors.js';
import { inodeKey } from '../host-files.js';
import { type Answer, PROCEED, type Trap, unlessRefused } from './trap.js';

/** `madvise(MADV_REMOVE)` punches a hole into the file that is mapped there. */
export function advise(trap: Trap): Answer {
  if (!trap.anyFrozen) return PROCEED;
  const { kernel, listener } = trap.context;
  const inodes = mappedInodes(trap.tid, trap.address(0), trap.address(0) + (trap.call.arguments[1] ?? 0n));
  if (!listener.isValid(trap.call.id)) return PROCEED;
  return unlessRefused(() => {
    for (const inode of inodes) kernel.checkFallocate(inode);
  });
}

/** The files that a thread has mapped between two addresses. */
function mappedInodes(tid: number, from: bigint, to: bigint): string[] {
  return mappings(tid).flatMap((line) => {
    const [, start, end, major, minor, inode] = /^(\w+)-(\w+) \S+ \S+ (\w+):(\w+) (\d+)/.exec(line) ?? [];
    if (start === undefined || end === undefined || major === undefined || minor === undefined) return [];
    if (to <= BigInt(`0x${start}`) || from >= BigInt(`0x${end}`)) return [];
    return [inodeKey(deviceNumber(Number.parseInt(major, 16), Number.parseInt(minor, 16)), BigInt(inode ?? 0))];
  });
}

function mappings(tid: number): string[] {
  try {
    return readFileSync(`/proc/${tid}/maps`, 'latin1').split('\n');
  } catch {
    // The thread is gone.
    return [];
  }
}
