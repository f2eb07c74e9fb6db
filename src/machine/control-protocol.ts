/** What the commands of luo say to a running machine over its control socket: one JSON text a line, one answer each. */

export type ControlRequest =
  | { readonly request: 'status' }
  | { readonly request: 'kexec'; readonly argv?: readonly string[]; readonly cwd?: string }
  | { readonly request: 'stop'; readonly timeout: number };

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

export type ControlAnswer =
  | ControlFailure
  | { readonly kexec: KexecReport }
  | { readonly status: MachineStatus }
  | { readonly stopped: true };

export const CONTROL_SOCKET = 'control.sock';
