import type { Socket } from 'node:net';
import type { LiveUpdateSession } from '../session.js';
import { type HandedSocket, handSockets, type TakenSocket, takeSockets } from './handed-sockets.js';
import { rest } from './handing.js';
import type { Json } from './json.js';
import { createSession } from './sessions.js';

/** What is said of a connection that is handed over. */
export interface HandOverOptions {
  /** What was read from it and not worked on. It is the first that is read again: by the next generation, or here. */
  readonly unread?: Uint8Array;
  /** What the next generation is to know of it. */
  readonly state?: Json;
}

/** What belongs to all that get ready for one update. */
export interface UpdateRound {
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeout: number;
  readonly drained: Promise<void>;
}

/** An update for which a function of `onUpdate` gets ready: this program is about to be replaced. */
export class Update {
  readonly #round: UpdateRound;
  readonly #name: string;
  readonly #handed: HandedSocket[] = [];
  readonly #undo: Array<() => void> = [];
  #session: LiveUpdateSession | undefined;
  #sockets: LiveUpdateSession | undefined;

  /** @internal */
  constructor(round: UpdateRound, name: string) {
    this.#round = round;
    this.#name = name;
  }

  /** Aborted where the update does not happen after all. Its `reason` is an error that says why. */
  get signal(): AbortSignal {
    return this.#round.signal;
  }

  /** How long all that get ready may take together, in milliseconds. After that, the update does not happen. */
  get timeout(): number {
    return this.#round.timeout;
  }

  /**
   * Resolves when all servers of `listen()` have answered what they had begun to read, and nothing new comes in: what a
   * request may change is final then. Rejects where the update does not happen.
   */
  get drained(): Promise<void> {
    return this.#round.drained;
  }

  /**
   * For descriptors that are to pass: a session of the name that `onUpdate` was given. The next generation finds it by
   * `LiveUpdate.open().retrieveSession(name)`. Where the update does not happen, it is closed.
   *
   * @throws LiveUpdateError where it cannot be made, as where another program has a session of this name
   */
  get session(): LiveUpdateSession {
    this.#session ??= createSession(this.#name);
    return this.#session;
  }

  /**
   * Hands a connection over: nothing is read from it any more, what was written goes out first, and the next generation
   * finds it by `takeOver(name)`. Where the update does not happen, it goes on here.
   */
  async handOver(socket: Socket, options: HandOverOptions = {}): Promise<void> {
    const { handed, undo } = await rest(socket, () => options, this.signal);
    this.#undo.push(undo);
    this.#handed.push(handed);
  }

  /** @internal All that is to be handed over is there. */
  preserve(): void {
    if (this.#handed.length > 0) this.#sockets = handSockets(socketsOf(this.#name), this.#handed);
  }

  /** @internal It does not happen. */
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
