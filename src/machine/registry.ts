/** The running machines of this user: a directory each, with the name of the machine. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { CONTROL_SOCKET, type ControlAnswer, type ControlRequest } from './control-protocol.js';
import { makePrivateDirectory, runtimeDirectory, SetupError } from './directories.js';
import { readLines, writeLine } from './json-lines.js';

const KEEPER_PID = 'keeper.pid';

/** The longest path of a Unix socket, without its NUL. */
const SOCKET_PATH_LIMIT = 107;

/**
 * Takes a name for a new machine, and makes its directory.
 *
 * @param name a name that must be free; or a stem, of which the first free variant is taken where `exact` is false
 * @throws SetupError where the name is taken or unusable, or the directory cannot be made
 */
export function claimName(name: string, exact: boolean): { name: string; directory: string } {
  if (!/^[\w.+@-]{1,64}$/.test(name) || name.startsWith('.') || name.startsWith('-')) {
    throw new SetupError(
      `Cannot name a machine "${name}": use up to 64 letters, digits and . _ + @ -, and begin with none of . and -`,
    );
  }
  const root = runtimeDirectory();
  makePrivateDirectory(root, 'Set LUO_RUNTIME_DIR to a directory that you can write');
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    const directory = join(root, candidate);
    if (join(directory, CONTROL_SOCKET).length > SOCKET_PATH_LIMIT) {
      throw new SetupError(
        `Cannot use the directory ${root}: the path of a socket in it is too long. Set LUO_RUNTIME_DIR to a shorter one`,
      );
    }
    if (claim(directory)) return { name: candidate, directory };
    if (exact)
      throw new SetupError(
        `Cannot start machine "${name}": one of that name is running. End it with: luo stop ${name}`,
      );
  }
}

function claim(directory: string): boolean {
  if (existsSync(directory) && !isRunning(directory)) removeDirectory(directory);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Errors of Node's file functions carry the error's name.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new SetupError(
      `Cannot make the directory ${directory} (${code}). Set LUO_RUNTIME_DIR to a directory that you can write`,
    );
  }
  writeFileSync(join(directory, KEEPER_PID), String(process.pid));
  return true;
}

/** The keeper that runs a machine is this process from now on. */
export function adopt(directory: string): void {
  writeFileSync(join(directory, KEEPER_PID), String(process.pid));
}

/** Whether the keeper of a machine is alive: the other files tell nothing while it starts. */
function isRunning(directory: string): boolean {
  try {
    process.kill(Number(readFileSync(join(directory, KEEPER_PID), 'latin1')), 0);
    return true;
  } catch (error) {
    // Errors of process.kill carry the error's name. Any other than ESRCH means a process that is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes the directory of a machine that has ended out of the way. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** The names of the running machines, in alphabetical order. What a killed one has left is removed. */
export function runningMachines(): string[] {
  const root = runtimeDirectory();
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => {
      const directory = join(root, name);
      if (isRunning(directory)) return true;
      removeDirectory(directory);
      return false;
    })
    .sort();
}

/**
 * The machine that a command means: the one that is named, the one that the command runs on, or the only one.
 *
 * @throws SetupError where there is none, or more than one
 */
export function chooseMachine(name: string | undefined): string {
  const running = runningMachines();
  const wanted = name ?? process.env['LUO_MACHINE'];
  if (wanted !== undefined) {
    if (running.includes(wanted)) return wanted;
    throw new SetupError(`Cannot find machine "${wanted}": ${describeRunning(running)}`);
  }
  const [only, ...others] = running;
  if (only !== undefined && others.length === 0) return only;
  throw new SetupError(`Cannot tell which machine is meant: ${describeRunning(running)}`);
}

function describeRunning(names: readonly string[]): string {
  if (names.length === 0) return 'none is running. Start one with: luo run COMMAND';
  return `running are ${names.join(', ')}`;
}

/**
 * Asks a machine for something.
 *
 * @returns its answer; undefined where the machine ended without one
 * @throws SetupError where it does not answer
 */
export function ask(name: string, request: ControlRequest): Promise<ControlAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(join(runtimeDirectory(), name, CONTROL_SOCKET));
    socket.on('connect', () => writeLine(socket, request));
    socket.on('error', (error) => reject(new SetupError(`Cannot reach machine "${name}": ${error.message}`)));
    socket.on('close', () => resolve(undefined));
    readLines(socket, (message) => {
      // Only a machine of this user's listens there.
      resolve(message as ControlAnswer);
      socket.destroy();
    });
  });
}
