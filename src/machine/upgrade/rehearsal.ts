/**
 * What is done before a machine gives itself up for another luo: that one starts, loads all its parts, and brings a
 * kernel of its own to where the machine's is, in a process beside the machine. What does not work there is found out
 * while nothing has changed.
 */
import { constants } from 'node:os';
import { close, socketPair } from '../../host/descriptors.js';
import { SystemError, spawn } from '../../host/libc.js';
import { waitForChild } from '../../host/processes.js';
import { errnoName } from '../../uapi/errno.js';
import type { NewLuo } from '../control-protocol.js';
import { receiveText } from '../launcher-protocol.js';
import { descriptorsOf } from './kernel-json.js';
import { type MachineState, writeState } from './state.js';
import { UpgradeError } from './upgrade-error.js';

/** The argument of machine-main.js that asks for it. */
export const REHEARSE = '--rehearse';
/** The numbers of the descriptors of that process: what it says goes to the one, the state is in the other. */
export const REHEARSAL_SOCKET = 3;
export const REHEARSAL_STATE = 4;

/** What it says, a JSON text: that it can go on, or why not. */
export type RehearsalMessage = { readonly version: string } | { readonly failure: string };

export class Rehearsal {
  readonly pid: number;
  /** Readable when there is something to say. */
  readonly socket: number;
  #isReaped = false;

  /**
   * Starts the process.
   *
   * @throws UpgradeError where that cannot be done
   */
  constructor({ node, program }: NewLuo, state: MachineState) {
    const written = writeState(state);
    const [ours, theirs] = socketPair();
    this.socket = ours;
    const files = descriptorsOf(state.generation.kernel).map((fd) => [fd, fd] as const);
    const standard = [0, 1, 2].map((fd) => [fd, fd] as const);
    const descriptors = new Map([...standard, ...files, [theirs, REHEARSAL_SOCKET], [written, REHEARSAL_STATE]]);
    try {
      this.pid = spawn(node, [node, program, REHEARSE], environment(), descriptors);
    } catch (error) {
      close(ours);
      if (!(error instanceof SystemError)) throw error;
      throw new UpgradeError(`cannot start ${node} (${errnoName(error.errno)})`);
    } finally {
      close(theirs);
      close(written);
    }
  }

  /** It has been reaped. */
  reaped(): void {
    this.#isReaped = true;
  }

  /**
   * Takes what it says, when `socket` is readable.
   *
   * @returns its version
   * @throws UpgradeError where it cannot go on
   */
  result(): string {
    const text = receiveText(this.socket);
    if (text === '') throw new UpgradeError('the new luo ended before it was ready. What it wrote tells why');
    // A luo that knows the argument has the other end.
    const message = JSON.parse(text) as RehearsalMessage;
    if ('failure' in message) throw new UpgradeError(message.failure);
    return message.version;
  }

  /** Ends the process, whatever it does. */
  end(): void {
    close(this.socket);
    if (this.#isReaped) return;
    process.kill(this.pid, constants.signals.SIGKILL);
    waitForChild(this.pid, true);
  }
}

/** The environment of this process, as `execve` takes it. */
export function environment(): string[] {
  return Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
}
