/** A person's command that tells whether a service is good: run again and again until it succeeds. */
import { closeSync, openSync } from 'node:fs';
import { spawn } from '../host/libc.js';
import type { Exit } from '../host/processes.js';
import { describeExit } from './report.js';
import type { Watcher } from './watcher.js';

/** From the end of one run to the next one, in milliseconds. */
const INTERVAL = 50;

export class HealthCheck {
  readonly #command: string;
  readonly #cwd: string;
  readonly #watcher: Watcher;
  readonly #succeeded: () => void;
  #pid: number | undefined;
  #isOver = false;
  /** How it went the last time, in words. */
  lastRun: string | undefined;

  constructor(command: string, cwd: string, watcher: Watcher, succeeded: () => void) {
    this.#command = command;
    this.#cwd = cwd;
    this.#watcher = watcher;
    this.#succeeded = succeeded;
  }

  begin(): void {
    this.#pid = run(this.#command, this.#cwd);
  }

  reaped(exits: readonly Exit[]): void {
    const exit = exits.find(({ pid }) => pid === this.#pid);
    if (exit === undefined || this.#isOver) return;
    this.#pid = undefined;
    this.lastRun = `"${this.#command}" ${describeExit(exit)}`;
    if (exit.code === 0) this.#succeeded();
    else this.#watcher.after(INTERVAL, () => !this.#isOver && this.begin());
  }

  /** Ends the run that is under way. */
  close(): void {
    this.#isOver = true;
    if (this.#pid !== undefined) process.kill(this.#pid, 'SIGKILL');
  }
}

/**
 * Starts it once, in its directory. It says nothing: it is run often.
 *
 * @returns its process id
 */
function run(command: string, cwd: string): number {
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const argv = ['sh', '-c', 'cd "$1" && eval "$2"', 'sh', cwd, command];
    const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    return spawn('/bin/sh', argv, env, new Map([0, 1, 2].map((fd) => [nowhere, fd])));
  } finally {
    closeSync(nowhere);
  }
}
