import { spawn } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descriptorLimits } from '../host/processes.js';
import type { Preservable, Profile } from '../kernel/kernel.js';
import { type Command, CommandError, findExecutable } from '../machine/command.js';
import {
  KEEPER_SOCKET,
  type MachineConfig,
  type MachineMessage,
  type Outcome,
  type TraceTarget,
} from '../machine/config.js';
import { logDirectory, logFile, makePrivateDirectory, SetupError } from '../machine/directories.js';
import { readLines, writeLine } from '../machine/json-lines.js';
import { exitCode, holdSignals, keep } from '../machine/keeper.js';
import { checkHost } from '../machine/preflight.js';
import { type Claim, claimName, defaultName, release } from '../machine/registry.js';
import { say } from '../machine/report.js';
import { listenVariables, storedDescriptors, storeOf, tellReady, warnOfStore } from '../machine/vault/service.js';
import type { CrashPolicy } from '../machine/vault/vault.js';
import { workingDirectory } from './working-directory.js';

export interface RunOptions {
  readonly name?: string;
  readonly detach?: boolean;
  readonly abi: Profile;
  readonly strict?: boolean;
  readonly extend?: boolean;
  /** Kinds of files, with commas between them. */
  readonly preserve?: string;
  /** Paths of files with kernel modules. */
  readonly module?: readonly string[];
  /** A file for the trace; empty for standard error. */
  readonly trace?: string;
  /** The same, with the trace in JSON. */
  readonly traceJson?: string;
  /** Serial ports. */
  readonly serial?: readonly string[];
  /** A file for the waveforms of those that are emulated. */
  readonly waveform?: string;
  /** Faults. */
  readonly inject?: readonly string[];
  /** By default, a machine in the background holds what it preserved. */
  readonly onCrash?: CrashPolicy;
}

const keeperProgram = fileURLToPath(new URL('../machine/keeper-main.js', import.meta.url));

/**
 * `luo run`.
 *
 * @returns the exit code
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  checkHost();
  const command: Command = { argv, env: environment(''), cwd: workingDirectory() };
  try {
    findExecutable(command);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    say(error.message);
    return error.exitCode;
  }
  const preserve = await kinds(options.preserve);
  await checkFaults(options.inject ?? []);
  await checkSerialPorts(options);
  const trace = traceTargets(options);
  // A signal that ended this process now would leave the name taken.
  holdSignals();
  const claim = claimName(options.name ?? defaultName(argv[0] ?? ''), options.name !== undefined);
  const config = configure(command, claim, { ...options, preserve, targets: trace });
  if (!config.detached) return exitCode(await keepHere(config, claim));
  try {
    return await detach(config, claim);
  } catch (error) {
    release(claim);
    throw error;
  }
}

/** Where this process is a service, its manager holds what the machine preserves. */
async function keepHere(config: MachineConfig, claim: Claim): Promise<Outcome> {
  const store = storeOf(config);
  if (store === undefined) return keep(config, claim, () => {});
  warnOfStore();
  return keep(config, claim, () => tellReady(store), storedDescriptors());
}

/** Looked up in the kernel, which need not be loaded for those who ask for none. */
async function kinds(text: string | undefined): Promise<Preservable[]> {
  if (text === undefined) return [];
  const { parseKinds } = await import('../machine/preserved-kinds.js');
  return parseKinds(text);
}

/** What cannot be read is said before there is a machine. */
async function checkFaults(texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const { parseFault } = await import('../machine/fault-parser.js');
  for (const text of texts) parseFault(text);
}

/** What cannot be read is said before there is a machine. */
async function checkSerialPorts({ serial = [], waveform }: RunOptions): Promise<void> {
  if (serial.length > 0) (await import('../machine/serial/create.js')).checkSerialPorts(serial);
  if (waveform === undefined) return;
  if (serial.length === 0) {
    throw new SetupError('Cannot write a waveform: the machine has no serial port. Add one: --serial=ttyS0=8250,esp32');
  }
  beginFile('waveform', resolvePath(waveform), '--waveform=FILE');
}

/** Files are begun anew, as those of the shell's `>`. */
function traceTargets({ trace, traceJson }: RunOptions): TraceTarget[] {
  const targets = [
    { format: 'text', path: trace },
    { format: 'json', path: traceJson },
  ] as const;
  return targets.flatMap(({ format, path }) => {
    if (path === undefined) return [];
    if (path === '') return [{ format }];
    const file = resolvePath(path);
    beginFile('trace', file, '--trace=FILE');
    return [{ format, file }];
  });
}

function beginFile(what: string, file: string, option: string): void {
  try {
    writeFileSync(file, '', { mode: 0o600 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`Cannot write the ${what}: ${reason}. Name a file that you can write: ${option}`);
  }
}

interface Settings extends Omit<RunOptions, 'preserve'> {
  readonly preserve: readonly Preservable[];
  readonly targets: readonly TraceTarget[];
}

function configure(command: Command, { name, directory }: Claim, options: Settings): MachineConfig {
  const limit = inheritedDescriptorLimit();
  return {
    name,
    directory,
    command: { ...command, env: environment(name) },
    profile: options.abi,
    strict: options.strict ?? false,
    extend: options.extend ?? false,
    preserve: options.preserve,
    modules: (options.module ?? []).map((file) => resolvePath(file)),
    detached: options.detach ?? false,
    trace: options.targets,
    inject: options.inject ?? [],
    serial: options.serial ?? [],
    onCrash: options.onCrash ?? (options.detach ? 'hold' : 'end'),
    ...(options.waveform === undefined ? {} : { waveform: resolvePath(options.waveform) }),
    ...(limit === undefined ? {} : { descriptorLimit: limit }),
  };
}

/** Programs find the machine that they run on in LUO_MACHINE. */
function environment(machine: string): string[] {
  return Object.entries({ ...process.env, LUO_MACHINE: machine })
    .filter(([name]) => !listenVariables.includes(name))
    .map(([name, value]) => `${name}=${value ?? ''}`);
}

/** Node has raised our own soft limit. What programs should get is what our parent has, if it can be asked. */
function inheritedDescriptorLimit(): string | undefined {
  const limits = descriptorLimits(process.ppid);
  return limits === undefined ? undefined : String(limits.soft);
}

async function detach(config: MachineConfig, claim: Claim): Promise<number> {
  const output = openLog(config.name);
  const child = spawn(process.execPath, [keeperProgram], {
    detached: true,
    stdio: ['ignore', output, output, 'pipe', claim.lock],
  });
  const socket = child.stdio[KEEPER_SOCKET];
  if (!(socket instanceof Socket)) throw new Error(`Cannot start the keeper of a machine: Node made no socket for it`);
  writeLine(socket, { request: 'boot', config });
  const outcome = await new Promise<Outcome | undefined>((resolve, reject) => {
    child.on('error', reject);
    socket.on('error', () => {});
    readLines(socket, (message) => {
      // Only the keeper has the other end.
      const said = message as MachineMessage;
      resolve(said.event === 'ready' ? undefined : said.outcome);
    });
    let interrupted = false;
    socket.on('close', () => {
      if (!interrupted) resolve({ failure: 'Cannot start the machine: its keeper ended' });
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // The keeper ends a machine that nobody waits for any more.
      process.on(signal, () => {
        interrupted = true;
        child.on('exit', () => resolve({ signal: constants.signals[signal] }));
        socket.destroy();
      });
    }
  });
  child.unref();
  socket.destroy();
  if (outcome !== undefined) return exitCode(outcome);
  say(`machine "${config.name}" runs in the background; its output: luo logs ${config.name}`);
  return 0;
}

/** Appending, so that all who write to it, and all generations, follow each other. */
function openLog(name: string): number {
  const remedy = 'Set XDG_STATE_HOME to a directory that you can write';
  makePrivateDirectory(logDirectory(), remedy);
  const log = logFile(name);
  try {
    writeFileSync(log, '', { mode: 0o600 });
    return openSync(log, 'a');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`Cannot write the log ${log}: ${reason}. ${remedy}`);
  }
}
