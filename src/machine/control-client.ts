/** How the commands of luo find a running machine, and talk to it. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  CONTROL_SOCKET,
  type ControlAnswer,
  type ControlFailure,
  type ControlRequest,
  type TraceMessage,
} from './control-protocol.js';
import { runtimeDirectory, SetupError } from './directories.js';
import { readLines, writeLine } from './json-lines.js';
import { processOf, runningMachines } from './registry.js';

/** How often a machine that has just been started is tried again. Milliseconds. */
const RETRY_INTERVAL = 20;

/**
 * The machine that a command means: the one that is named, the one that the command runs on, or the only one.
 *
 * @throws SetupError where there is none, or more than one
 */
export function chooseMachine(name: string | undefined): string {
  const running = runningMachines();
  const wanted = name ?? (process.env['LUO_MACHINE'] || undefined);
  if (wanted !== undefined) {
    if (running.includes(wanted)) return wanted;
    throw new SetupError(`Cannot find machine "${wanted}": ${describeRunning(running)}`);
  }
  const [only, ...others] = running;
  if (only !== undefined && others.length === 0) return only;
  throw new SetupError(`Cannot tell which machine is meant: ${describeRunning(running)}`);
}

/** Which machines run, for a person who named none of them. */
export function describeRunning(names: readonly string[]): string {
  if (names.length === 0) return 'none is running. Start one with: luo run COMMAND';
  return `running are ${names.join(', ')}`;
}

/**
 * Asks a machine for something.
 *
 * @param patience how long it may take to answer, in milliseconds; for ever by default
 * @returns its answer; undefined where the machine ended without one
 * @throws SetupError where it cannot be reached
 */
export async function ask(
  name: string,
  request: ControlRequest,
  patience?: number,
): Promise<ControlAnswer | undefined> {
  return reach(
    name,
    () => askOnce(name, request, patience),
    () => endByForce(name, request),
  );
}

/** Tries again while a machine does not listen yet. Undefined where it has ended. */
async function reach<T>(name: string, attempt: () => Promise<T>, remedy = () => ''): Promise<T | undefined> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof SetupError) throw error;
      if (!runningMachines().includes(name)) return undefined;
      // Errors of Node's sockets carry the error's name. These two are what a machine gives that does not listen yet.
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED')
        throw new SetupError(`Cannot reach machine "${name}": ${message}${remedy()}`);
    }
    await setTimeout(RETRY_INTERVAL);
  }
}

/**
 * Shows what happens on a machine, until it ends.
 *
 * @param handle called with each message
 * @throws SetupError where it cannot be reached
 */
export async function follow(name: string, handle: (message: TraceMessage) => void): Promise<void> {
  await reach(name, () => followOnce(name, handle));
}

function followOnce(name: string, handle: (message: TraceMessage) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(join(runtimeDirectory(), name, CONTROL_SOCKET));
    socket.on('connect', () => writeLine(socket, { request: 'trace' }));
    socket.on('error', reject);
    socket.on('close', () => resolve());
    readLines(socket, (message) => {
      // Only a machine of this user's listens there. One that was started by another version of luo may know no traces.
      const answer = message as TraceMessage | ControlFailure;
      if (!('error' in answer)) {
        handle(answer);
        return;
      }
      reject(new SetupError(`Cannot trace machine "${name}": ${answer.error}`));
      socket.destroy();
    });
  });
}

/** How to end a machine that cannot be asked to. */
function endByForce(name: string, { request }: ControlRequest): string {
  const pid = request === 'stop' ? processOf(name) : undefined;
  return pid === undefined ? '' : `. End it by force, with its programs: kill -9 ${pid}`;
}

function askOnce(name: string, request: ControlRequest, patience?: number): Promise<ControlAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(join(runtimeDirectory(), name, CONTROL_SOCKET));
    // No time at all means no limit.
    socket.setTimeout(patience ?? 0, () =>
      socket.destroy(new Error('it does not answer. It may be stopped, or be in a kernel module that never returns')),
    );
    socket.on('connect', () => writeLine(socket, request));
    socket.on('error', reject);
    socket.on('close', () => resolve(undefined));
    readLines(socket, (message) => {
      // Only a machine of this user's listens there.
      resolve(message as ControlAnswer);
      socket.destroy();
    });
  });
}
