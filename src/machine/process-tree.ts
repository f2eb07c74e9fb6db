/** All processes below this one, and their end. */
import { readdirSync, readFileSync } from 'node:fs';
import { waitForChild } from '../host/processes.js';

/** How many rounds a tree is given to end. Each round kills all that the one before left or made. */
const MOST_ROUNDS = 10_000;

/** Processes that are left out, with what is below them: a set will do. */
export interface Spared {
  has(pid: number): boolean;
}

/** The processes below `root`, nearest first, without those of `spared` and what is below them. */
export function descendants(root: number, spared: Spared = new Set()): number[] {
  const found: number[] = [];
  const waiting = [root];
  const children = childrenByParent();
  for (let parent = waiting.shift(); parent !== undefined; parent = waiting.shift()) {
    const below = children(parent).filter((pid) => !spared.has(pid));
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
  const fields = statFields(pid);
  return fields === undefined ? undefined : Number(fields[1]);
}

/** The fields of /proc/PID/stat from the state on, or undefined where the process is gone. */
function statFields(pid: number): string[] | undefined {
  try {
    // The name, in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return undefined;
  }
}

/** Whether this process is one of those that the keys of its terminal send signals to. */
export function isInForeground(): boolean {
  const [, , group, , , foreground] = statFields(process.pid) ?? [];
  return group !== undefined && group === foreground;
}

/**
 * Kills and reaps every process below this one, which must be the subreaper of them all, and returns when none is
 * left but those of `spared` and what is below them.
 *
 * @throws Error where processes remain that cannot be killed
 */
export function endProcesses(spared: Spared): void {
  endAll(() => descendants(process.pid, spared));
}

/**
 * The same for some of the processes below this one.
 *
 * @param list those that are left, nearest first
 * @throws Error where processes remain that cannot be killed
 */
export function endAll(list: () => readonly number[]): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const doomed = list();
    if (doomed.length === 0) return;
    for (const pid of doomed) kill(pid);
    // Nearest first: by the time that one is gone, its children are ours. Only for what was killed: another, that one of
    // them has left behind meanwhile, does not end before the next round.
    for (const pid of doomed) waitForChild(pid, true);
  }
  const left = list().length;
  throw new Error(`Cannot end the processes below ${process.pid}: ${left} remain`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, or runs as another user: the next round tells.
  }
}
