/** What the commands of luo say to a running machine over its control socket: one JSON text a line, one answer each. */
import type { Waveform } from '../devices/waveform.js';
import type { LiveUpdateState, Profile } from '../kernel/kernel.js';
import type { MachineEvent } from './events.js';

export { CONTROL_SOCKET } from '../host/directories.js';

/** What is asked for of a live update, by a person. */
export interface KexecRequest {
  readonly command?: NewCommand;
  readonly kernel?: NewKernel;
  readonly trial?: TrialRequest;
  /** The next program is started first, while the last one serves. Whoever asked must wait, or it is ended. */
  readonly warm?: WarmSettings;
  /** How long programs that want to know of it may take to get ready. Milliseconds. */
  readonly drainTimeout?: number;
}

export type ControlRequest =
  /** @param sessions whether each session is wanted, too */
  | { readonly request: 'status'; readonly sessions?: boolean }
  | ({ readonly request: 'kexec' } & KexecRequest)
  /**
   * A program wants to know before it is replaced: answered by an UpdateMessage whenever there is one.
   *
   * @param pid of the program, for messages
   */
  | { readonly request: 'updates'; readonly pid?: number }
  /** The same program, on the same connection: it may be replaced. @param number that of the announcement */
  | { readonly request: 'prepared'; readonly number?: number }
  /** The same: it cannot be replaced now, and the update does not happen. */
  | { readonly request: 'unprepared'; readonly reason: string; readonly number?: number }
  /** Answered by what happens from then on, a TraceMessage a line, until the machine ends. */
  | { readonly request: 'trace' }
  /** What happened on the wires of its emulated serial ports, or of the one that is named. */
  | { readonly request: 'waveform'; readonly port?: string }
  /** Pulls the device out that an emulated serial port is on, or puts it back. */
  | { readonly request: 'plug'; readonly port: string; readonly plugged: boolean }
  /** Puts another luo in the place of the machine's process: answered by the end of the connection where it begins. */
  | ({ readonly request: 'upgrade' } & NewLuo)
  /** Boots a machine that is held. One that runs answers that it does. */
  | { readonly request: 'recover'; readonly command: NewCommand }
  /** Answered by the end of the connection. */
  | { readonly request: 'stop'; readonly timeout: number };

/** Where the luo is that a machine is to go on with: absolute paths. */
export interface NewLuo {
  /** The binary of Node. */
  readonly node: string;
  /** Its machine-main.js. */
  readonly program: string;
}

/** What happened when another luo took the place of the machine's process. */
export interface UpgradeReport {
  /** How often that has happened. */
  readonly count: number;
  /** The versions of the two. */
  readonly from: string;
  readonly to: string;
  readonly processes: number;
  readonly sessions: number;
  readonly files: number;
  /** How long calls of programs had to wait, in milliseconds. */
  readonly waited: number;
}

/** What is new of what a machine runs. */
export interface NewCommand {
  readonly argv?: readonly string[];
  readonly cwd?: string;
}

/** What the next kernel is started with, as far as it is not what this one was started with. */
export interface NewKernel {
  readonly profile?: Profile;
  /** All its modules: absolute paths of files. */
  readonly modules?: readonly string[];
}

/** What a program that asked for `updates` is told. */
export type UpdateMessage =
  /** From now on no live update that luo is asked for comes without an announcement. */
  | { readonly update: 'subscribed' }
  /** One has been asked for. It happens when all programs are `prepared`, and not at all where that takes too long. */
  | { readonly update: 'prepare'; readonly number: number; readonly timeout: number }
  /** It does not happen after all: everything goes on. */
  | { readonly update: 'cancelled'; readonly number: number; readonly reason: string };

/** A program that is started before its generation. */
export interface WarmSettings {
  /** How long it may take until it opens the device. Milliseconds. */
  readonly timeout: number;
}

/** A new generation has to show that it is good: the machine goes back to the last one where it does not. */
export interface TrialRequest {
  /** In milliseconds, from the execution of its first program. */
  readonly timeout: number;
  /** What shows that it is good: a notification alone, or its sessions alone; by default whichever comes first. */
  readonly by?: 'notify' | 'finish';
  /** A command of the shell that succeeds when it is good. Nothing else counts then. */
  readonly readyWhen?: string;
  /** Where that is run. */
  readonly cwd: string;
}

/**
 * What happens on a machine, or how many events a reader was too slow for; or that the connection ends, as another luo
 * takes over, to which readers can connect again.
 */
export type TraceMessage = { readonly event: MachineEvent } | { readonly lost: number } | { readonly upgrading: true };

export interface ControlFailure {
  readonly error: string;
}

/** What a live update carried over. */
export interface KexecReport {
  /** The generation that it started. */
  readonly generation: number;
  readonly sessions: number;
  readonly files: number;
  /** The sizes of the files, in bytes, a decimal number. */
  readonly bytes: string;
  /**
   * Milliseconds from the freeze until the next program was executed; where that was started before (`--warm`), until its
   * open of the device was answered.
   */
  readonly blackout: number;
  /** Where it had to show that it is good: milliseconds from then on, and what has shown it. */
  readonly ready?: { readonly milliseconds: number; readonly by: string };
}

/** What came back of a machine that was held. */
export interface RecoveryReport {
  readonly generation: number;
  readonly sessions: readonly { readonly name: string; readonly files: number; readonly bytes: string }[];
  /** What did not, a sentence each. */
  readonly notRecovered: readonly string[];
}

/** A running machine. `luo ps --json` prints an array of these: what is here stays as it is, and more may come. */
export interface MachineStatus {
  readonly name: string;
  /** The process of the machine. */
  readonly pid: number;
  readonly generation: number;
  readonly argv: readonly string[];
  readonly detached: boolean;
  readonly processes: number;
  /** Of all sessions together; `held` where nothing of the machine runs any more, and what it preserved is held. */
  readonly state: LiveUpdateState | 'held';
  /** What the kernel was started with: its profile, and its modules by their names. */
  readonly abi: Profile;
  readonly modules: readonly string[];
  /** How many sessions there are, and files in them, both outgoing and incoming. */
  readonly sessions: number;
  readonly files: number;
  /** What would pass to the next kernel now: bytes, a decimal number. */
  readonly bytes: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** The version of the luo that it runs on. */
  readonly version: string;
  /** How it came to that, where it was started with another one. */
  readonly upgraded?: UpgradeReport;
  /** Where it was asked for. Outgoing sessions before incoming ones, each in the order of their creation. */
  readonly sessionList?: readonly SessionStatus[];
}

export interface SessionStatus {
  /** The name as text, where it is UTF-8. In any other, each byte that is not ASCII is written `\xNN`. */
  readonly name: string;
  /** The bytes of the name, two hexadecimal digits each. */
  readonly nameHex: string;
  /** Made by a program of this kernel, or left by the last one. */
  readonly direction: 'outgoing' | 'incoming';
  readonly state: LiveUpdateState;
  /** Whether a program has asked for it; null for an outgoing session. */
  readonly retrieved: boolean | null;
  /** In the order in which they were preserved. */
  readonly files: readonly FileStatus[];
}

export interface FileStatus {
  /** A decimal number of 64 bits. */
  readonly token: string;
  /** The name of the file handler, such as `memfd-v1`. */
  readonly handler: string;
  /** The size in bytes, a decimal number; null where the handler cannot tell. */
  readonly bytes: string | null;
  /** Whether a program has asked for it; null in an outgoing session. */
  readonly retrieved: boolean | null;
}

export type ControlAnswer =
  | ControlFailure
  | { readonly kexec: KexecReport }
  | { readonly status: MachineStatus }
  | { readonly waveforms: readonly Waveform[] }
  | { readonly plugged: boolean }
  | { readonly recovered: RecoveryReport }
  | { readonly runs: true };

/** Undefined for what is no request. */
export function parseRequest(message: unknown): ControlRequest | undefined {
  if (!isRecord(message)) return undefined;
  const { request, sessions = false, timeout, command, port, plugged, pid, number, reason, node, program } = message;
  if (request === 'status' && typeof sessions === 'boolean') return { request, sessions };
  if (request === 'trace') return { request };
  if (request === 'waveform' && port === undefined) return { request };
  if (request === 'waveform' && typeof port === 'string') return { request, port };
  if (request === 'plug' && typeof port === 'string' && typeof plugged === 'boolean') return { request, port, plugged };
  if (request === 'upgrade' && typeof node === 'string' && typeof program === 'string')
    return { request, node, program };
  if (request === 'recover' && isNewCommand(command)) return { request, command };
  if (request === 'stop' && typeof timeout === 'number') return { request, timeout };
  if (request === 'updates' && isNumberOrNone(pid)) return { request, ...(pid === undefined ? {} : { pid }) };
  if (!isNumberOrNone(number)) return undefined;
  const which = number === undefined ? {} : { number };
  if (request === 'prepared') return { request, ...which };
  if (request === 'unprepared' && typeof reason === 'string') return { request, reason, ...which };
  return request === 'kexec' ? parseKexec(message) : undefined;
}

function parseKexec({
  command,
  kernel = {},
  trial,
  warm,
  drainTimeout,
}: Record<string, unknown>): ControlRequest | undefined {
  if (!isNewCommand(command) || !isNewKernel(kernel)) return undefined;
  if (!isNumberOrNone(drainTimeout)) return undefined;
  if ((trial !== undefined && !isTrial(trial)) || (warm !== undefined && !isWarmSettings(warm))) return undefined;
  return {
    request: 'kexec',
    command,
    kernel,
    ...(drainTimeout === undefined ? {} : { drainTimeout }),
    ...(trial === undefined ? {} : { trial }),
    ...(warm === undefined ? {} : { warm }),
  };
}

function isNewCommand(value: unknown): value is NewCommand {
  if (!isRecord(value)) return false;
  const { argv, cwd } = value;
  return (argv === undefined || isWords(argv)) && (cwd === undefined || typeof cwd === 'string');
}

function isTrial(value: unknown): value is TrialRequest {
  if (!isRecord(value)) return false;
  const { timeout, by, readyWhen, cwd } = value;
  return (
    typeof timeout === 'number' &&
    (by === undefined || by === 'notify' || by === 'finish') &&
    (readyWhen === undefined || typeof readyWhen === 'string') &&
    typeof cwd === 'string'
  );
}

function isNewKernel(value: unknown): value is NewKernel {
  if (!isRecord(value)) return false;
  const { profile, modules } = value;
  return (
    (profile === undefined || profile === 'linux' || profile === 'v5') && (modules === undefined || isWords(modules))
  );
}

function isNumberOrNone(value: unknown): value is number | undefined {
  return value === undefined || typeof value === 'number';
}

function isWarmSettings(value: unknown): value is WarmSettings {
  return isRecord(value) && typeof value['timeout'] === 'number' && value['timeout'] >= 0;
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((part) => typeof part === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
