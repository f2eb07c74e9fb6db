/**
 * The parent of a machine: it passes signals on, and cleans up whatever happens to the machine. The machine does the
 * same when the keeper is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { becomeSubreaper } from '../host/processes.js';
import { type BegunMessage, KEEPER_SOCKET, type MachineConfig, type MachineMessage, type Outcome } from './config.js';
import { readLines, writeLine } from './json-lines.js';
import { ListenerCopy } from './listener-copy.js';
import { descendants, endProcesses, isInForeground } from './process-tree.js';
import { type Claim, release } from './registry.js';
import { say } from './report.js';

const program = fileURLToPath(new URL('./machine-main.js', import.meta.url));

/** Signals that a terminal sends to all processes in its foreground, the programs included. */
const terminalSignals = ['SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;
const otherSignals = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** From now on no signal ends this process: what comes before `keep` passes it on waits for it. */
export function holdSignals(): void {
  for (const signal of [...terminalSignals, ...otherSignals]) process.on(signal, () => {});
}

/**
 * Runs a machine to its end, and lets go of its name.
 *
 * @param ready called when its first program runs
 */
export async function keep(config: MachineConfig, { lock }: Pick<Claim, 'lock'>, ready: () => void): Promise<Outcome> {
  // A program that became luo may have had children. They are none of the machine's.
  const others = new Set(descendants(process.pid));
  const listener = new ListenerCopy();
  becomeSubreaper();
  try {
    return await runMachine(config, { lock, listener, ready });
  } finally {
    endProcesses(others);
    listener.close();
    release({ directory: config.directory, lock });
  }
}

interface Held {
  readonly lock: number;
  readonly listener: ListenerCopy;
  ready(): void;
}

async function runMachine(config: MachineConfig, { lock, listener, ready }: Held): Promise<Outcome> {
  const child = spawn(process.execPath, [program], { stdio: ['inherit', 'inherit', 'inherit', 'pipe', lock] });
  const end = ended(child);
  const socket = child.stdio[KEEPER_SOCKET];
  if (!(socket instanceof Socket)) throw new Error('Cannot talk to the machine: Node made no socket for it');
  let outcome: Outcome | undefined;
  let running = false;
  readLines(socket, (message) => {
    // Only the machine has the other end.
    const said = message as MachineMessage | BegunMessage;
    switch (said.event) {
      case 'begun':
        listener.take(child.pid ?? 0, said.listener);
        return;
      case 'warm':
        listener.takeNext(child.pid ?? 0, said.listener);
        return;
      case 'ready':
        running = true;
        ready();
        return;
      case 'ended':
        outcome = said.outcome;
    }
  });
  // The machine may be killed at any time: its exit says so.
  socket.on('error', () => {});
  for (const signal of [...terminalSignals, ...otherSignals]) {
    process.on(signal, () => {
      const fromTerminal = terminalSignals.some((one) => one === signal) && isInForeground();
      writeLine(socket, { request: 'signal', signal, fromTerminal });
    });
  }
  writeLine(socket, { request: 'boot', config });
  const how = await end;
  return outcome ?? byForce(config, how, running);
}

function ended(child: ChildProcess): Promise<NodeJS.Signals | number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0));
  });
}

/** A machine that could not say how it ended: it was killed, or a signal came before it could take any. */
function byForce({ name, command }: MachineConfig, how: NodeJS.Signals | number, running: boolean): Outcome {
  const reason = typeof how === 'number' ? `exit code ${how}` : how;
  return {
    failure: running
      ? `Machine "${name}" was ended by force (${reason}); its programs have been ended too`
      : `Cannot start "${command.argv[0]}": the machine was ended by force (${reason})`,
    signal: constants.signals[typeof how === 'number' ? 'SIGKILL' : how],
  };
}

/** Exit codes of luo's own, as those of other programs that run programs. */
const LUO_FAILED = 125;
const SIGNALLED = 128;

/** What `luo run` exits with: the code of the first program, or 128 and the signal that ended it, as in a shell. */
export function exitCode({ code, signal, failure }: Outcome): number {
  if (failure !== undefined) say(failure);
  if (code !== undefined) return code;
  return signal === undefined ? LUO_FAILED : SIGNALLED + signal;
}
