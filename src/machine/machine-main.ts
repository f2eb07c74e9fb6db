/** The process of a machine. The keeper that starts it tells it what to be, over their shared socket. */
import { Socket } from 'node:net';
import { ignoreSignal } from '../host/libc.js';
import { becomeSubreaper } from '../host/processes.js';
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
import { portsFor } from './host-hardware.js';
import { readLines, writeLine } from './json-lines.js';
import { Machine } from './machine.js';
import { release } from './registry.js';

const SIGTTOU = 22;

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

readLines(keeper, (message) => {
  // Only the keeper has the other end.
  receive(message as KeeperMessage);
});
// Nobody would clean up after a machine whose keeper is gone.
keeper.on('close', () => (machine === undefined ? process.exit(1) : machine.abort('its keeper was killed')));
keeper.on('error', () => {});

function receive(message: KeeperMessage): void {
  switch (message.request) {
    case 'boot':
      boot(message.config)
        .catch((error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) }))
        .then((outcome) => end(message.config, outcome));
      return;
    case 'signal':
      if (machine === undefined) early.push(message);
      else machine.signal(message.signal, message.fromTerminal);
      return;
  }
}

async function boot(config: MachineConfig): Promise<Outcome> {
  const makePorts = await portsFor(config);
  const events = {
    begun: (listener: number) => tell({ event: 'begun', listener }),
    warm: (listener: number) => tell({ event: 'warm', listener }),
    started: () => tell({ event: 'ready' }),
  };
  machine = new Machine(config, events, makePorts);
  for (const { signal, fromTerminal } of early) machine.signal(signal, fromTerminal);
  const control = await listenForControl(machine, config.directory);
  const outcome = await machine.run();
  await control.close();
  return outcome;
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
