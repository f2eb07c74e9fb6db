/** The messages between a machine and the launcher of a generation: one JSON text each, on the launcher's descriptor 3. */

/** The number of the launcher's end of the socket. */
export const LAUNCHER_SOCKET = 3;

/** What the launcher is told when it starts, as its argument. */
export interface LauncherOptions {
  readonly strict: boolean;
  /** The soft limit on descriptors that programs get, a decimal number. Node raises its own when it starts. */
  readonly descriptorLimit?: string;
}

/** First answer: the filter is installed, and the descriptor with this number is its listener. */
export interface LauncherReady {
  readonly listener: number;
}

/** The launcher failed, at the filter or at the program. */
export interface LauncherFailure {
  readonly operation: 'filter' | 'directory' | 'execute';
  /** Positive. */
  readonly errno: number;
}

/** What to become. */
export interface LauncherCommand {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
}
