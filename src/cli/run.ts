import { spawn } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descriptorLimits } from '../host/processes.js';
import type { Profile } from '../kernel/kernel.js';
import { type Command, CommandError, findExecutable } from '../machine/command.js';
import { KEEPER_SOCKET, type MachineConfig, type MachineMessage, type Outcome } from '../machine/config.js';
import { logDirectory, logFile, makePrivateDirectory } from '../machine/directories.js';
import { readLines, writeLine } from '../machine/json-lines.js';
import { exitCode, keep } from '../machine/keeper.js';
import { checkHost } from '../machine/preflight.js';
import { claimName, removeDirectory } from '../machine/registry.js';
import { say } from '../machine/report.js';

export interface RunOptions {
  readonly name?: string;
  readonly detach?: boolean;
  readonly abi: Profile;
  readonly strict?: boolean;
}

const keeperProgram = fileURLToPath(new URL('../machine/keeper-main.js', import.meta.url));

/**
 * `luo run`.
 *
 * @returns the exit code
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  checkHost();
  const command: Command = { argv, env: environment(''), cwd: process.cwd() };
  try {
    findExecutable(command);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    say(error.message);
    return error.exitCode;
  }
  const config = configure(command, options);
  if (config.detached) return detach(config);
  return exitCode(await keep(config, () => {}));
}

function configure(command: Command, options: RunOptions): MachineConfig {
  const stem =
    basename(command.argv[0] ?? '')
      .replace(/[^\w.+@-]/g, '_')
      .replace(/^[.-]+/, '') || 'machine';
  const { name, directory } = claimName(options.name ?? stem, options.name !== undefined);
  const limit = inheritedDescriptorLimit();
  return {
    name,
    directory,
    command: { ...command, env: environment(name) },
    profile: options.abi,
    strict: options.strict ?? false,
    detached: options.detach ?? false,
    ...(limit === undefined ? {} : { descriptorLimit: limit }),
  };
}

/** Programs find the machine that they run on in LUO_MACHINE. */
function environment(machine: string): string[] {
  return Object.entries({ ...process.env, LUO_MACHINE: machine }).map(([name, value]) => `${name}=${value ?? ''}`);
}

/** Node has raised our own soft limit. What programs should get is what our parent has, if it can be asked. */
function inheritedDescriptorLimit(): string | undefined {
  const limits = descriptorLimits(process.ppid);
  return limits === undefined ? undefined : String(limits.soft);
}

async function detach(config: MachineConfig): Promise<number> {
  makePrivateDirectory(logDirectory(), 'Set XDG_STATE_HOME to a directory that you can write');
  const log = logFile(config.name);
  writeFileSync(log, '', { mode: 0o600 });
  // Appending, so that all who write to it, and all generations, follow each other.
  const output = openSync(log, 'a');
  const child = spawn(process.execPath, [keeperProgram], { detached: true, stdio: ['ignore', output, output, 'pipe'] });
  const socket = child.stdio[KEEPER_SOCKET];
  if (!(socket instanceof Socket)) throw new Error(`Cannot start the keeper of a machine: Node made no socket for it`);
  writeLine(socket, { request: 'boot', config });
  const outcome = await new Promise<Outcome | undefined>((resolve) => {
    readLines(socket, (message) => {
      // Only the keeper has the other end.
      const said = message as MachineMessage;
      resolve(said.event === 'ready' ? undefined : said.outcome);
    });
    socket.on('close', () => resolve({ failure: 'Cannot start the machine: its keeper ended' }));
  });
  child.unref();
  socket.destroy();
  if (outcome !== undefined) {
    removeDirectory(config.directory);
    return exitCode(outcome);
  }
  say(`machine "${config.name}" runs in the background; its output: luo logs ${config.name}`);
  return 0;
}
