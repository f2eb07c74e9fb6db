/** What the commands of luo say to a running machine over its control socket: one JSON text a line, one answer each. */

export type ControlRequest =
  | { readonly request: 'status' }
  | { readonly request: 'kexec'; readonly command: NewCommand }
  /** Answered by the end of the connection. */
  | { readonly request: 'stop'; readonly timeout: number };

/** What is new of what a machine runs. */
export interface NewCommand {
  readonly argv?: readonly string[];
  readonly cwd?: string;
}

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
  /** Milliseconds from the freeze until the next program was executed. */
  readonly blackout: number;
}

export interface MachineStatus {
  readonly name: string;
  /** The process of the machine. */
  readonly pid: number;
  readonly generation: number;
  readonly argv: readonly string[];
  readonly detached: boolean;
  readonly processes: number;
  readonly sessions: number;
  readonly files: number;
  readonly bytes: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export type ControlAnswer = ControlFailure | { readonly kexec: KexecReport } | { readonly status: MachineStatus };

export const CONTROL_SOCKET = 'control.sock';

/** Undefined for what is no request. */
export function parseRequest(message: unknown): ControlRequest | undefined {
  if (!isRecord(message)) return undefined;
  const { request, timeout, command } = message;
  if (request === 'status') return { request };
  if (request === 'stop' && typeof timeout === 'number') return { request, timeout };
  if (request === 'kexec' && isNewCommand(command)) return { request, command };
  return undefined;
}

function isNewCommand(value: unknown): value is NewCommand {
  if (!isRecord(value)) return false;
  const { argv, cwd } = value;
  const isText = (part: unknown) => typeof part === 'string';
  return (argv === undefined || (Array.isArray(argv) && argv.every(isText))) && (cwd === undefined || isText(cwd));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
