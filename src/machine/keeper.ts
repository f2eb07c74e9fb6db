/**
 * The parent of a machine: it passes signals on, and cleans up whatever happens to the machine. The machine does the
 * same when the keeper is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { becomeSubreaper } from '../host/processes.js';
import { KEEPER_SOCKET, type KeeperMessage, type MachineConfig, type MachineMessage, type Outcome } from './config.js';
import { readLines, writeLine } from './json-lines.js';
import { endProcesses } from './process-tree.js';
import { removeDirectory } from './registry.js';
import { say } from './report.js';

const program = fileURLToPath(new URL('./machine-main.js', import.meta.url));

/** Signals that a terminal sends to all processes in its foreground, the programs included. */
const terminalSignals = ['SIGINT', 'SIGQUIT'] as const;
const otherSignals = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/**
 * Runs a machine to its end.
 *
 * @param ready called when its first program runs
 */
export function keep(config: MachineConfig, ready: (pid: number) => void): Promise<Outcome> {
  becomeSubreaper();
  const child = spawn(process.execPath, [program], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
  const socket = child.stdio[KEEPER_SOCKET];
  if (!(socket instanceof Socket)) throw new Error('Cannot talk to the machine: Node made no socket for it');
  const tell = (message: KeeperMessage) => writeLine(socket, message);
  let outcome: Outcome | undefined;
  let running = false;
  readLines(socket, (message) => {
    // Only the machine has the other end.
    const said = message as MachineMessage;
    if (said.event === 'ended') {
      outcome = said.outcome;
      return;
    }
    running = true;
    ready(said.pid);
  });
  // The machine may be killed at any time: its exit says so.
  socket.on('error', () => {});
  const hasTerminal = isatty(0) || isatty(2);
  for (const signal of terminalSignals) {
    process.on(signal, () => {
      if (!running || !hasTerminal) tell({ request: 'signal', signal });
    });
  }
  for (const signal of otherSignals) process.on(signal, () => tell({ request: 'signal', signal }));
  tell({ request: 'boot', config });
  return ended(child).then((how) => {
    endProcesses(new Set());
    removeDirectory(config.directory);
    return (
      outcome ?? {
        failure: `Machine "${config.name}" was ended by force (${how}); its programs have been ended too`,
        signal: 9,
      }
    );
  });
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
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
