/** The process of a machine, as its keeper sees it: from its start to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants as file } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { close, pipe, setStatusFlags, socketPair, statusFlags } from '../host/descriptors.js';
import { type BegunMessage, KEEPER_SOCKET, type MachineConfig, type MachineMessage, type Outcome } from './config.js';
import type { RecoveryReport } from './control-protocol.js';
import { readLines, writeLine } from './json-lines.js';
import type { ListenerCopy } from './listener-copy.js';
import { isInForeground } from './process-tree.js';
import type { SignalRoute } from './signal-route.js';
import type { HeldDescriptors } from './vault/held-descriptors.js';
import { FIRST_HELD } from './vault/vault.js';

const program = fileURLToPath(new URL('./machine-main.js', import.meta.url));

export interface MachineProcessParts {
  readonly lock: number;
  readonly listener: ListenerCopy;
  readonly signals: SignalRoute;
  /** What it puts away; undefined where it puts nothing away. */
  readonly held: HeldDescriptors | undefined;
  /** Its first program runs. */
  ready(recovered: RecoveryReport | undefined): void;
}

/** Runs the process of a machine to its end. Its programs may still be there then. */
export async function runMachine(config: MachineConfig, parts: MachineProcessParts): Promise<Outcome> {
  const { lock, listener, signals, held, ready } = parts;
  const vault = held === undefined ? undefined : openVault(held);
  const names = held?.names ?? [];
  const child = spawn(process.execPath, [program], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', lock, ...(vault?.theirs ?? []), ...(held?.all.values() ?? [])],
  });
  vault?.passed();
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
        ready(said.recovered);
        return;
      case 'ended':
        outcome = said.outcome;
    }
  });
  // The machine may be killed at any time: its exit says so.
  socket.on('error', () => {});
  signals.to((signal, terminal) => {
    writeLine(socket, { request: 'signal', signal, fromTerminal: terminal && isInForeground() });
  });
  const numbers = Object.fromEntries(names.map((name, index) => [name, FIRST_HELD + index]));
  writeLine(socket, { request: 'boot', config, held: numbers });
  const how = await end;
  signals.wait();
  vault?.close();
  return outcome ?? byForce(config, how, running);
}

/** The way of what the machine puts away: `theirs` are the numbers that it gets from VAULT_SOCKET on. */
function openVault(held: HeldDescriptors) {
  const [ours, theirs] = socketPair();
  const [heard, rung] = pipe();
  setStatusFlags(ours, statusFlags(ours) | file.O_NONBLOCK);
  const bell = new Socket({ fd: heard, readable: true, writable: false });
  bell.on('data', () => held.receive(ours));
  bell.on('error', () => {});
  return {
    theirs: [theirs, rung],
    passed() {
      close(theirs);
      close(rung);
    },
    /** What a machine that was killed has put into the socket is there still. */
    close() {
      held.receive(ours);
      close(ours);
      bell.destroy();
    },
  };
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
