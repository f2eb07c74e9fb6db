/** What `luo run` gets from a service manager, and tells it (`sd_listen_fds(3)`, `sd_notify(3)`). */

import { connectDatagram } from '../../host/datagram.js';
import { close, setCloseOnExec } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { sendMessage } from '../../host/unix-socket.js';
import type { MachineConfig } from '../config.js';
import { say } from '../report.js';
import { isVaultName } from './vault.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** `SD_LISTEN_FDS_START` */
const FIRST_DESCRIPTOR = 3;

/**
 * The service manager whose store holds what the machine preserves: the address of its socket. Undefined where there is
 * none, or nothing is to be held.
 */
export function storeOf(
  { onCrash, detached }: MachineConfig,
  environment: Environment = process.env,
): string | undefined {
  if (detached || onCrash === undefined || onCrash === 'end') return undefined;
  return environment['NOTIFY_SOCKET'] || undefined;
}

/** What the store has held since the last machine of this service ended. Other descriptors are left alone. */
export function storedDescriptors(environment: Environment = process.env): Map<string, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  if (LISTEN_PID !== String(process.pid)) return new Map();
  const names = (LISTEN_FDNAMES ?? '').split(':').slice(0, Number(LISTEN_FDS) || 0);
  const stored = names.map((name, index) => [name, FIRST_DESCRIPTOR + index] as const);
  const ours = stored.filter(([name]) => isVaultName(name));
  for (const [, descriptor] of ours) setCloseOnExec(descriptor, true);
  return new Map(ours);
}

/** The variables that tell a process of its descriptors. They are not for the programs of a machine. */
export const listenVariables: readonly string[] = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

/** Since version 254 systemd tells a service of its store. */
export function warnOfStore(environment: Environment = process.env): void {
  if (environment['FDSTORE'] !== undefined) return;
  say(
    'The service manager does not say whether the unit has a file descriptor store (FDSTORE). Without one nothing is held: ' +
      'set FileDescriptorStoreMax= and NotifyAccess=all in the unit',
  );
}

/** The service is up. A manager that cannot be told finds out by its own time limit. */
export function tellReady(address: string): void {
  try {
    const socket = connectDatagram(address);
    sendMessage(socket, 'READY=1');
    close(socket);
  } catch (error) {
    if (!(error instanceof SystemError || error instanceof RangeError)) throw error;
    say(`Cannot tell the service manager that the machine runs: ${error.message}. Look at NOTIFY_SOCKET`);
  }
}
