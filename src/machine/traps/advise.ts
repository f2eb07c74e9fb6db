import { readFileSync } from 'node:fs';
import { deviceNumber } from '../../host/descriptors.js';
import { inodeKey } from '../host-files.js';
import { type Answer, PROCEED, type Trap, unlessRefused } from './trap.js';

const PAGE_SIZE = 4096n;
const LAST_PAGE = 2n ** 64n - PAGE_SIZE;

/**
 * `madvise(MADV_REMOVE)` punches a hole into the files that are mapped there, one mapping after the other until one
 * refuses.
 *
 * Where a frozen one comes after others, nothing is removed of those either: the call cannot be cut in two.
 */
export function advise(trap: Trap): Answer {
  const [start, length] = [BigInt(trap.address(0)), trap.call.arguments[1] ?? 0n];
  // The kernel refuses what does not begin with a page or ends after all memory, and has nothing to do for no length.
  if (!trap.anyFrozen || start % PAGE_SIZE !== 0n || length === 0n || start + length > LAST_PAGE) return PROCEED;
  const { kernel, listener } = trap.context;
  const mapped = mappings(trap.tid).filter(({ from, to }) => to > start && from < start + length);
  if (!listener.isValid(trap.call.id)) return PROCEED;
  return unlessRefused(() => {
    for (const { inode, isShared } of mapped) {
      // Here the kernel stops by itself.
      if (!isShared) return;
      kernel.checkFallocate(inode);
    }
  });
}

interface Mapping {
  readonly from: bigint;
  readonly to: bigint;
  readonly isShared: boolean;
  readonly inode: string;
}

/** In the order of their addresses; empty where the thread is gone. */
function mappings(tid: number): Mapping[] {
  return linesOf(`/proc/${tid}/maps`).flatMap((line) => {
    const [, from, to, sharing, major, minor, inode] = /^(\w+)-(\w+) ...(.) \S+ (\w+):(\w+) (\d+)/.exec(line) ?? [];
    if (from === undefined || to === undefined || major === undefined || minor === undefined) return [];
    const device = deviceNumber(Number.parseInt(major, 16), Number.parseInt(minor, 16));
    return {
      from: BigInt(`0x${from}`),
      to: BigInt(`0x${to}`),
      isShared: sharing === 's',
      inode: inodeKey(device, BigInt(inode ?? 0)),
    };
  });
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return [];
  }
}
