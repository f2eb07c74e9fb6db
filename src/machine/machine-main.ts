/** The process of a machine. The keeper that starts it tells it what to be, over their shared socket. */
import { Socket } from 'node:net';
import { close, setAllCloseOnExec } from '../host/descriptors.js';
import { ignoreSignal } from '../host/libc.js';
import { becomeSubreaper, dieWithParent } from '../host/processes.js';
import {
  type BegunMessage,
  KEEPER_SOCKET,
  type KeeperMessage,
  MACHINE_LOCK,
  type MachineConfig,
  type MachineMessage,
  type Outcome,
} from './config.js';
import { listenForControl } from './control.js';
import type { RecoveryReport } from './control-protocol.js';
import { portsFor } from './host-hardware.js';
import { readLines, writeLine } from './json-lines.js';
import { firstOptions } from './kernel-options.js';
import { type Kept, Machine } from './machine.js';
import { release } from './registry.js';
import { say } from './report.js';
import { REHEARSE } from './upgrade/rehearsal.js';
import { rehearse } from './upgrade/rehearse.js';
import { moveTo, RESUME } from './upgrade/replace.js';
import { readState } from './upgrade/state.js';
import { KeeperVault } from './vault/keeper-vault.js';
import { storeOf } from './vault/service.js';
import { BothVaults, ServiceVault } from './vault/service-vault.js';
import { VAULT_BELL, VAULT_SOCKET } from './vault/vault.js';

const SIGTTOU = 22;

if (process.argv[2] === REHEARSE) {
  dieWithParent();
  await rehearse();
  process.exit(0);
}

const keeper = new Socket({ fd: KEEPER_SOCKET });
let machine: Machine | undefined;
/** Signals that came before there was a machine. */
const early: Array<KeeperMessage & { request: 'signal' }> = [];

becomeSubreaper();
// The terminal is taken back from programs that were killed, from the background.
ignoreSignal(SIGTTOU);
// Whoever sends these means the programs: the terminal reaches them itself, and the keeper passes on what it gets.
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => {});
}

if (process.argv[2] === RESUME) {
  resume(Number(process.argv[3])).catch((error: unknown) => {
    say(`Cannot go on with the machine: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
}

readLines(keeper, (message) => {
  // Only the keeper has the other end.
  receive(message as KeeperMessage);
});
keeper.on('close', () => {
  if (machine !== undefined) machine.keeperKilled();
  // There is nothing yet that anybody could lose, unless this was another luo.
  else if (process.argv[2] !== RESUME) process.exit(1);
});
keeper.on('error', () => {});

function receive(message: KeeperMessage): void {
  switch (message.request) {
    case 'boot':
      boot(message.config, message.held)
        .catch(failed)
        .then((outcome) => end(message.config, outcome));
      return;
    case 'signal':
      if (machine === undefined) early.push(message);
      else machine.signal(message.signal, message.fromTerminal);
      return;
  }
}

async function boot(config: MachineConfig, held: Readonly<Record<string, number>> = {}): Promise<Outcome> {
  const makePorts = await portsFor(config);
  const events = {
    begun: (listener: number) => tell({ event: 'begun', listener }),
    warm: (listener: number) => tell({ event: 'warm', listener }),
    started: (recovered?: RecoveryReport) =>
      tell({ event: 'ready', ...(recovered === undefined ? {} : { recovered }) }),
    // A keeper that is gone has left this process to another.
    keeper: () => (keeper.destroyed ? undefined : process.ppid),
  };
  return serve(new Machine(config, events, makePorts, keptBy(config, held)), config);
}

/** Goes on where another luo was, whose process this is. */
async function resume(written: number): Promise<void> {
  setAllCloseOnExec(KEEPER_SOCKET);
  const state = readState(written);
  close(written);
  moveTo(state.processGroup);
  const { config, control } = state;
  const options = await firstOptions(config);
  // A generation that is held, and one that has begun, have been told of.
  const events = {
    begun: (listener: number) => tell({ event: 'begun', listener }),
    started: () => {},
    keeper: () => (keeper.destroyed ? undefined : process.ppid),
  };
  const resumed = new Machine(config, events, undefined, keptBy(config, {}), { state, options });
  end(config, await serve(resumed, config, control).catch(failed));
}

/** @param control a socket that commands connect to already */
async function serve(begun: Machine, { directory }: MachineConfig, control?: number): Promise<Outcome> {
  machine = begun;
  if (keeper.destroyed) machine.keeperKilled();
  for (const { signal, fromTerminal } of early) machine.signal(signal, fromTerminal);
  const listening = await listenForControl(machine, directory, control);
  const outcome = await machine.run();
  await listening.close();
  return outcome;
}

function failed(error: unknown): Outcome {
  return { failure: error instanceof Error ? error.message : String(error) };
}

function keptBy(config: MachineConfig, held: Readonly<Record<string, number>>): Kept | undefined {
  if ((config.onCrash ?? 'end') === 'end') return undefined;
  // Descriptors that came from the keeper are none of the programs'.
  setAllCloseOnExec(VAULT_SOCKET);
  const keeperVault = new KeeperVault(VAULT_SOCKET, VAULT_BELL);
  const store = storeOf(config);
  const vault = store === undefined ? keeperVault : new BothVaults(keeperVault, new ServiceVault(store));
  return { vault, held: new Map(Object.entries(held)) };
}

function end({ directory }: MachineConfig, outcome: Outcome): void {
  if (keeper.destroyed) release({ directory, lock: MACHINE_LOCK });
  tell({ event: 'ended', outcome });
  // Everything of the machine is over. What Node might still wait for is not.
  keeper.end(() => process.exit(0));
}

function tell(message: MachineMessage | BegunMessage): void {
  writeLine(keeper, message);
}
