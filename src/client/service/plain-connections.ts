import type { Server, Socket } from 'node:net';
import type { Connections } from './connections.js';
import type { HandedSocket, TakenSocket } from './handed-sockets.js';
import { type ConnectionState, rest } from './handing.js';
import { join } from './handles.js';
import type { Json } from './json.js';

/** How connections of a protocol of the program's own pass to the next generation. */
export interface PassingOptions {
  /**
   * Called for each connection, when nothing comes in any more and before what was written has gone out.
   *
   * @returns what was read and not worked on, and what the next generation is to know; undefined for nothing of both
   */
  handOver?(socket: Socket): ConnectionState | undefined | Promise<ConnectionState | undefined>;
  /** Called in place of the event `connection` for each connection that the last generation handed over. */
  takeOver?(socket: Socket, state: Json | undefined): void;
}

/** Connections of which the program alone knows what their bytes mean. They pass where it says how. */
export class PlainConnections implements Connections {
  readonly #server: Server;
  readonly #options: PassingOptions;
  readonly #open = new Set<Socket>();
  readonly #undo: Array<() => void> = [];

  constructor(server: Server, options: PassingOptions) {
    this.#server = server;
    this.#options = options;
    server.prependListener('connection', (socket: Socket) => this.#track(socket));
  }

  async drain(signal: AbortSignal): Promise<HandedSocket[]> {
    const { handOver } = this.#options;
    if (handOver === undefined) return [];
    const brought = [...this.#open].map(async (socket) => {
      const { handed, undo } = await rest(socket, () => handOver(socket), signal);
      this.#undo.push(undo);
      return handed;
    });
    // All of them first: each that is at rest by now can be undone.
    const results = await Promise.allSettled(brought);
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  resume(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  adopt({ socket, state }: TakenSocket): void {
    const { takeOver } = this.#options;
    join(this.#server, socket);
    if (takeOver === undefined) {
      this.#server.emit('connection', socket);
    } else {
      this.#track(socket);
      takeOver(socket, state);
    }
  }

  #track(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }
}
