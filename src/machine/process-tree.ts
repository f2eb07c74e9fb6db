/** All processes below this one, and their end. */
import { readdirSync, readFileSync } from 'node:fs';
import { waitForChild } from '../host/processes.js';

/** How many rounds a tree is given to end. Each round kills all that the one before left or made. */
const MOST_ROUNDS = 10_000;

/** The processes below `root`, nearest first. */
export function descendants(root: number): number[] {
  const found: number[] = [];
  const waiting = [root];
  const children = childrenByParent();
  for (let parent = waiting.shift(); parent !== undefined; parent = waiting.shift()) {
    const below = children(parent);
    found.push(...below);
    waiting.push(...below);
  }
  return found;
}

/** From the lists of children that most kernels keep (CONFIG_PROC_CHILDREN), else from the parent of every process. */
function childrenByParent(): (parent: number) => number[] {
  if (listChildren(process.pid) !== undefined) return (parent) => listChildren(parent) ?? [];
  const parents = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), pid]);
  }
  return (parent) => parents.get(parent) ?? [];
}

/** Undefined where the kernel keeps no such list, or the process is gone. */
function listChildren(pid: number): number[] | undefined {
  try {
    // A child belongs to the thread that made it.
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number | undefined {
  try {
    // The name, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(fields[1]);
  } catch {
    return undefined;
  }
}

/**
 * Kills and reaps every process below this one, which must be the subreaper of them all, and returns when none is
 * left but those of `spared`.
 *
 * @throws Error where processes remain that cannot be killed
 */
export function endProcesses(spared: ReadonlySet<number>): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const doomed = descendants(process.pid).filter((pid) => !spared.has(pid));
    if (doomed.length === 0) return;
    for (const pid of doomed) kill(pid);
    // What those have left behind becomes our own child by the time that they are gone.
    for (const pid of listChildren(process.pid) ?? doomed) {
      if (!spared.has(pid)) waitForChild(pid, true);
    }
  }
  throw new Error(`Cannot end the processes below ${process.pid}: ${descendants(process.pid).length} remain`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, or runs as another user: the next round tells.
  }
}
