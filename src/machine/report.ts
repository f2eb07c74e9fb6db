import { writeSync } from 'node:fs';
import type { Exit } from '../host/processes.js';
import type { KexecReport, RecoveryReport, UpgradeReport } from './control-protocol.js';
import { signalName } from './signals.js';

/**
 * Says something to the person who started the machine, on standard error. Not through Node's stream, which would make
 * a pipe that the programs share non-blocking.
 */
export function say(message: string): void {
  try {
    writeSync(2, `luo: ${message}\n`);
  } catch {
    // Nobody listens any more; the machine goes on.
  }
}

/** One line about a live update. */
export function describeKexec(report: KexecReport): string {
  const { generation, blackout, ready } = report;
  const shown = ready === undefined ? '' : `, ${describeReady(ready)}`;
  return `kexec: generation ${generation}, ${describeCarried(report)}, blackout ${blackout.toFixed(1)} ms${shown}`;
}

/** How a new generation has shown that it is good. */
export function describeReady({ milliseconds, by }: NonNullable<KexecReport['ready']>): string {
  return `ready after ${milliseconds.toFixed(0)} ms: ${by}`;
}

/** What a live update carried over. */
export function describeCarried({ sessions, files, bytes }: Pick<KexecReport, 'sessions' | 'files' | 'bytes'>): string {
  return `${plural(sessions, 'session')}, ${plural(files, 'file')}, ${formatBytes(BigInt(bytes))}`;
}

/** One line about a new generation; undefined where there is nothing to say. */
export function describeChange(kind: string, report: KexecReport): string | undefined {
  if (kind === 'kexec') return describeKexec(report);
  if (kind !== 'restart') return undefined;
  return `restart: generation ${report.generation}; what was preserved is gone, as after a cold boot`;
}

/** An exception that is a bug of luo, as much of it as a person can report. */
export function describePanic(generation: number, error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `kernel panic in generation ${generation}: its calls fail with EIO from now on; the programs go on.\n${text}`;
}

/** What code threw that is none of luo's, in one line, and where. */
export function describeThrown(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const [, place] = /^ {4}at (?:.*\()?(file:.*?:\d+:\d+)\)?$/m.exec(error.stack ?? '') ?? [];
  return `${error.name}: ${error.message}${place === undefined ? '' : `, at ${place.replace(/\?\d+(?=:\d+:\d+$)/, '')}`}`;
}

/** Why a machine does not end, and what to do about it. */
export function describeRest(machine: string, program: string, exit: Exit, left: number): string {
  const rest = plural(left, 'process still runs', 'processes still run');
  return `"${program}" ${describeExit(exit)}; machine "${machine}" stays up: ${rest}. End it with: luo stop ${machine}`;
}

/** How a program ended: what follows its name. */
export function describeExit({ signal, code }: Exit): string {
  return signal === undefined ? `exited with ${code}` : `was ended by ${signalName(signal)}`;
}

/** One line about a luo that has taken the place of another one. */
export function describeUpgrade(machine: string, report: UpgradeReport): string {
  const { from, to, processes, sessions, files, waited } = report;
  const what = `${plural(processes, 'process', 'processes')}, ${plural(sessions, 'session')}, ${plural(files, 'file')}`;
  return `upgraded machine "${machine}" from ${from} to ${to}: ${what} went on; they waited ${waited.toFixed(0)} ms`;
}

/** How much is held, or came back. */
export function describeHeld({
  sessions,
  files,
  bytes,
}: {
  readonly sessions: number;
  readonly files: number;
  readonly bytes: bigint;
}): string {
  return `${plural(sessions, 'session')}, ${plural(files, 'file')}, ${formatBytes(bytes)}`;
}

/** One line about what came back. */
export function describeRecovery(machine: string, { generation, sessions }: RecoveryReport): string {
  const total = {
    sessions: sessions.length,
    files: sessions.reduce((sum, { files }) => sum + files, 0),
    bytes: sessions.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n),
  };
  return `recovered "${machine}" as generation ${generation}: ${describeHeld(total)}`;
}

export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A size for people: at most one decimal. */
export function formatBytes(bytes: bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
