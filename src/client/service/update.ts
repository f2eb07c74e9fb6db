import type { Socket } from 'node:net';
import type { LiveUpdateSession } from '../session.js';
import { type HandedSocket, handSockets, type TakenSocket, takeSockets } from './handed-sockets.js';
import { type ConnectionState, rest } from './handing.js';
import { createSession } from './sessions.js';

/** What belongs to all that get ready for one update. */
export interface UpdateRound {
  /** Aborted where the update does not happen after all. Its `reason` is an error that says why. */
  readonly signal: AbortSignal;
  /** How long all that get ready may take together, in milliseconds. After that, the update does not happen. */
  readonly timeout: number;
  /**
   * Resolves when all servers of `listen()` have answered what they had begun to read, and nothing new comes in: what a
   * request may change is final then. Rejects where the update does not happen.
   */
  readonly drained: Promise<void>;
}

/** An update for which a function of `onUpdate` gets ready: this program is about to be replaced. */
export interface Update extends UpdateRound {
  /**
   * For descriptors that are to pass: a session of the name that `onUpdate` was given. The next generation finds it by
   * `LiveUpdate.open().retrieveSession(name)`. Where the update does not happen, it is closed. Looking at it throws a
   * LiveUpdateError where it cannot be made, as where another program has a session of this name.
   */
  readonly session: LiveUpdateSession;
  /**
   * Hands a connection over: nothing is read from it any more, what was written goes out first, and the next generation
   * finds it by `takeOver(name)`. Where the update does not happen, it goes on here.
   */
  handOver(socket: Socket, options?: ConnectionState): Promise<void>;
}

/** What one function does for an update, and how it is undone. */
export class Preparation implements Update {
  readonly signal: AbortSignal;
  readonly timeout: number;
  readonly drained: Promise<void>;
  readonly #name: string;
  readonly #handed: HandedSocket[] = [];
  readonly #undo: Array<() => void> = [];
  #session: LiveUpdateSession | undefined;
  #sockets: LiveUpdateSession | undefined;

  constructor({ signal, timeout, drained }: UpdateRound, name: string) {
    this.signal = signal;
    this.timeout = timeout;
    this.drained = drained;
    this.#name = name;
  }

  get session(): LiveUpdateSession {
    this.#session ??= createSession(this.#name);
    return this.#session;
  }

  async handOver(socket: Socket, options: ConnectionState = {}): Promise<void> {
    const { handed, undo } = await rest(socket, () => options, this.signal);
    this.#undo.push(undo);
    this.#handed.push(handed);
  }

  /** All that is to be handed over is there. */
  preserve(): void {
    if (this.#handed.length > 0) this.#sockets = handSockets(socketsOf(this.#name), this.#handed);
  }

  /** The update does not happen. */
  cancel(): void {
    this.#session?.close();
    this.#sockets?.close();
    for (const undo of this.#undo) undo();
  }
}

/**
 * The connections that the last generation handed over by `update.handOver()`, none where there are none.
 *
 * @param name that which `onUpdate` was given
 * @param options what new sockets are made with
 */
export function takeOver(name = 'update', { allowHalfOpen = false } = {}): TakenSocket[] {
  return takeSockets(socketsOf(name), allowHalfOpen);
}

function socketsOf(name: string): string {
  return `${name}/sockets`;
}
