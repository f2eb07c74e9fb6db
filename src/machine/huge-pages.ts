/** The host's pools of huge pages, as sysfs shows them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HugePagePool } from '../kernel/hardware.js';

const DIRECTORY = '/sys/kernel/mm/hugepages';

/**
 * @param directory has one for each page size, such as `hugepages-2048kB`
 * @returns the smallest pages first; [] where there is no such directory: sysfs need not be mounted
 */
export function hugePagePools(directory = DIRECTORY): HugePagePool[] {
  return namesIn(directory)
    .flatMap((name) => {
      const [, kilobytes] = /^hugepages-(\d+)kB$/.exec(name) ?? [];
      return kilobytes === undefined ? [] : [readPool(join(directory, name), Number(kilobytes) * 1024)];
    })
    .sort((a, b) => a.pageSize - b.pageSize);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readPool(directory: string, pageSize: number): HugePagePool {
  const count = (of: string) => Number(readFileSync(join(directory, `${of}_hugepages`), 'latin1'));
  return { pageSize, total: count('nr'), free: count('free'), reserved: count('resv'), surplus: count('surplus') };
}
