/** The messages between a machine and the launcher of a generation: one JSON text each, on the launcher's descriptor 3. */
import { receive, send } from '../host/descriptors.js';

/** The number of the launcher's end of the socket. */
export const LAUNCHER_SOCKET = 3;

/** What the launcher is told when it starts, as its argument. */
export interface LauncherOptions {
  readonly strict: boolean;
  /** Whether the machine has serial ports. */
  readonly serial: boolean;
  /** The process group that programs belong to. The launcher keeps out of it, and of reach of the terminal's signals. */
  readonly processGroup: number;
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
  /** The mark of the program and of all that it starts, where it starts before its generation: a decimal number. */
  readonly mark?: string;
}

/** How much of a text one message of the socket carries. A character takes up to three bytes. */
const PART = 1 << 14;

/** Sends a text of any length. */
export function sendText(socket: number, text: string): void {
  // The first character tells whether more is to come.
  for (let at = 0; at < text.length; at += PART)
    send(socket, `${at + PART < text.length ? '+' : '.'}${text.slice(at, at + PART)}`);
}

/** Waits for a text. An empty one means that the other end was closed. */
export function receiveText(socket: number): string {
  let text = '';
  for (;;) {
    const part = receive(socket);
    text += part.slice(1);
    if (!part.startsWith('+')) return text;
  }
}
