/** The moment at which a process becomes another luo: same number, same children, same descriptors. */
import { setCloseOnExec } from '../../host/descriptors.js';
import { execute, SystemError } from '../../host/libc.js';
import { joinProcessGroup } from '../../host/processes.js';
import { KEEPER_SOCKET, MACHINE_LOCK } from '../config.js';
import type { NewLuo } from '../control-protocol.js';
import { VAULT_BELL, VAULT_SOCKET } from '../vault/vault.js';
import { descriptorsOf } from './kernel-json.js';
import { environment } from './rehearsal.js';
import type { MachineState } from './state.js';

/** The argument of machine-main.js before the number of the descriptor that has the state. */
export const RESUME = '--resume';

const OWN_GROUP = 0;

/**
 * Comes back only where it failed: all is as it was then.
 *
 * @param written where the state is
 * @returns the error number
 */
export function becomeOther({ node, program }: NewLuo, state: MachineState, written: number): number {
  const descriptors = [...passed(state), written];
  for (const fd of descriptors) inherit(fd, true);
  // Until it can take signals, a key of the terminal would end it. The programs and the keeper get them all the same.
  moveTo(OWN_GROUP);
  const error = execute(node, [node, program, RESUME, String(written)], environment());
  moveTo(state.processGroup);
  for (const fd of descriptors) inherit(fd, false);
  return error;
}

/** The group that the process was in, once it takes signals again. */
export function moveTo(group: number): void {
  try {
    joinProcessGroup(group);
  } catch (error) {
    // It leads a session, or nobody is in that group any more.
    if (!(error instanceof SystemError)) throw error;
  }
}

function passed({ generation, control, ledger }: MachineState): Set<number> {
  const { listener, kernel, channels } = generation;
  return new Set([
    ...[0, 1, 2, KEEPER_SOCKET, MACHINE_LOCK],
    ...(ledger === undefined ? [] : [VAULT_SOCKET, VAULT_BELL]),
    listener,
    control,
    ...channels.map(({ end }) => end),
    ...descriptorsOf(kernel),
  ]);
}

/** A standard descriptor that is closed stays closed. */
function inherit(fd: number, inherited: boolean): void {
  try {
    setCloseOnExec(fd, !inherited);
  } catch (error) {
    if (!(error instanceof SystemError) || fd > 2) throw error;
  }
}
