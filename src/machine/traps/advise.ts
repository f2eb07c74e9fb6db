import { readFileSync } from 'node:fs';
import { deviceNumber } from '../../host/descriptors.js';
import { inodeKey } from '../host-files.js';
import { type Answer, PROCEED, type Trap, unlessRefused } from './trap.js';

/** `madvise(MADV_REMOVE)` punches a hole into the file that is mapped there. */
export function advise(trap: Trap): Answer {
  if (!trap.anyFrozen) return PROCEED;
  const { kernel, listener } = trap.context;
  const inode = mappedInode(trap.tid, trap.address(0));
  if (inode === undefined || !listener.isValid(trap.call.id)) return PROCEED;
  return unlessRefused(() => kernel.checkFallocate(inode));
}

/** The file that a thread has mapped at an address. */
function mappedInode(tid: number, address: bigint): string | undefined {
  for (const line of mappings(tid)) {
    const [, start, end, major, minor, inode] = /^(\w+)-(\w+) \S+ \S+ (\w+):(\w+) (\d+)/.exec(line) ?? [];
    if (start === undefined || end === undefined || major === undefined || minor === undefined) continue;
    if (address < BigInt(`0x${start}`) || address >= BigInt(`0x${end}`)) continue;
    return inodeKey(deviceNumber(Number.parseInt(major, 16), Number.parseInt(minor, 16)), BigInt(inode ?? 0));
  }
  return undefined;
}

function mappings(tid: number): string[] {
  try {
    return readFileSync(`/proc/${tid}/maps`, 'latin1').split('\n');
  } catch {
    // The thread is gone.
    return [];
  }
}
