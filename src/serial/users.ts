/** Which processes have a device open, as far as this user may see: those of the same user; all of them for root. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** A process that has a device open. */
export interface User {
  readonly pid: number;
  /** The name of its program. */
  readonly name: string;
}

/** Processes but this one that have the device open. */
export function usersOf(rdev: number): User[] {
  return namesIn('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && hasOpen(pid, rdev))
    .map((pid) => ({ pid, name: nameOf(pid) }));
}

/** Whether a process has the device open. */
export function hasOpen(pid: number, rdev: number): boolean {
  const directory = `/proc/${pid}/fd`;
  return namesIn(directory).some((fd) => isDevice(`${directory}/${fd}`, rdev));
}

/** How many descriptors of this process are of the device. */
export function ownDescriptors(rdev: number): number {
  return namesIn('/proc/self/fd').filter((fd) => isDevice(`/proc/self/fd/${fd}`, rdev)).length;
}

/** The link is looked at first: to follow one of each would ask file systems that may not answer. */
function isDevice(link: string, rdev: number): boolean {
  try {
    if (!readlinkSync(link).startsWith('/dev/')) return false;
    const status = statSync(link);
    return status.isCharacterDevice() && status.rdev === rdev;
  } catch {
    // It was closed.
    return false;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return 'a process that has ended';
  }
}

/** Nothing where the process is gone, or another user's. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
