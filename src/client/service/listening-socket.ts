/** A listening socket that outlives the server that accepts from it: the open file, and not the handle of Node. */
import type { ListenOptions, Server } from 'node:net';
import { close, duplicate } from '../../host/descriptors.js';
import { LiveUpdateError } from '../error.js';
import type { LiveUpdateSession } from '../session.js';
import { bind, listening, portOf, removePath } from './binding.js';
import { listenerSession } from './names.js';
import { createSession, retrieveIfThere } from './sessions.js';
import { Slots } from './slots.js';

const SOCKET_TOKEN = 0;
const SLOTS_TOKEN = 1;

/** What the last generation left. */
interface Left {
  readonly fd: number;
  readonly slots: readonly number[];
}

/** A socket that listens, under a name by which the next generation finds it. */
export class ListeningSocket {
  /** A descriptor, which stays this object's. */
  readonly fd: number;
  /** Whether the last generation left it. */
  readonly isTakenOver: boolean;
  /** The slots in which the last generation may have left connections. */
  readonly left: readonly number[];
  /** Those of this generation. */
  readonly slots = new Slots();
  readonly #options: ListenOptions;
  #session: LiveUpdateSession | undefined;

  private constructor(options: ListenOptions, fd: number, left: Left | undefined) {
    this.fd = fd;
    this.isTakenOver = left?.fd === fd;
    this.left = left?.slots ?? [];
    this.#options = options;
  }

  /**
   * Takes what the last generation left under the name, or binds. From here on it passes at any live update, also one
   * that nobody announced.
   *
   * @returns undefined where this kernel does not preserve sockets: nothing is bound then
   * @throws Error where it cannot be bound, LiveUpdateError
   */
  static async open(name: string, options: ListenOptions): Promise<ListeningSocket | undefined> {
    const left = takeIfThere(name);
    const fd = left !== undefined && (await isWanted(left.fd, options)) ? left.fd : await bind(options);
    const socket = new ListeningSocket(options, fd, left);
    try {
      socket.#preserve(name);
      return socket;
    } catch (error) {
      socket.close();
      if (error instanceof LiveUpdateError && error.operation === 'PRESERVE_FD' && error.code === 'ENOENT')
        return undefined;
      throw error;
    }
  }

  /** Makes a server accept from it. The server has a descriptor of its own, which it closes. */
  start(server: Server): Promise<void> {
    return listening(server, { fd: duplicate(this.fd) }, this.#options.backlog);
  }

  /** Ends it: connections are refused from now on, once no server has it either. */
  close(): void {
    this.#session?.close();
    this.slots.memfd.close();
    close(this.fd);
    removePath(this.#options);
  }

  #preserve(name: string): void {
    this.#session = createSession(listenerSession(name));
    this.#session.preserve(this.fd, SOCKET_TOKEN);
    this.#session.preserve(this.slots.memfd, SLOTS_TOKEN);
  }
}

function takeIfThere(name: string): Left | undefined {
  const session = retrieveIfThere(listenerSession(name));
  if (session === undefined) return undefined;
  try {
    const left = { fd: session.retrieve(SOCKET_TOKEN), slots: Slots.read(session.retrieve(SLOTS_TOKEN)) };
    session.finish();
    return left;
  } finally {
    session.close();
  }
}

/** One of another port is not what is asked for: it is closed. */
async function isWanted(fd: number, { port }: ListenOptions): Promise<boolean> {
  if (!port || (await portOf(fd)) === Number(port)) return true;
  close(fd);
  return false;
}
