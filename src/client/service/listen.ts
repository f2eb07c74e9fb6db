import cluster from 'node:cluster';
import { Server as HttpServer } from 'node:http';
import type { ListenOptions, Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { LiveUpdateSession } from '../session.js';
import { listening } from './binding.js';
import type { Connections } from './connections.js';
import { EndingConnections } from './ending-connections.js';
import { handSockets, type TakenSocket, takeSockets } from './handed-sockets.js';
import { stopAccepting } from './handles.js';
import { HttpConnections } from './http-connections.js';
import { ListeningSocket } from './listening-socket.js';
import { checkedName, connectionSession, defaultName } from './names.js';
import { onDrain, type Undo, type UpdateSubscription } from './on-update.js';
import { type PassingOptions, PlainConnections } from './plain-connections.js';
import { SharedSocket } from './shared-socket.js';
import type { Update } from './update.js';
import { warnOnce } from './warn.js';

/** Where to listen, as `server.listen()` of Node takes it, and what passes to the next generation. */
export interface ServiceOptions extends ListenOptions, PassingOptions {
  /**
   * What the socket is known by from generation to generation: 1 to 40 bytes, another name for each server of a machine.
   * The address, unless told.
   */
  readonly name?: string;
}

/** A server that listens, and what came of the last generation's. */
export interface Service {
  /** Whether its sockets pass to the next generation. */
  readonly passes: boolean;
  /** Whether the last generation left the listening socket. */
  readonly tookOver: boolean;
  /** How many connections the last generation handed over. */
  readonly connections: number;
}

/** What accepts: a socket of this process, or one that the primary of a cluster has. */
interface Acceptor {
  readonly isTakenOver: boolean;
  /** The sessions in which the last generation may have left connections for this process. */
  readonly left: readonly string[];
  /** The session in which this process leaves its own. */
  readonly own: string;
  start(server: Server): Promise<void>;
  close(): void;
}

/**
 * Lets a server listen, so that no connection is refused and no byte of one lost when `luo kexec` replaces this program
 * by its next version, which calls this, too:
 *
 *     await listen(createServer(app), { port: 8080 });
 *
 * The listening socket passes with those who wait in its queue. Connections of HTTP pass between two requests, those of
 * other protocols where the program says how (`handOver`); those of TLS and HTTP/2 end when all is answered. Where the
 * update does not happen, all go on. Without a machine, or on one that does not preserve sockets, it is
 * `server.listen()`; it is that, too, with the event `listening`, which comes again after an update that did not happen.
 *
 * @param server of `net`, `http`, `https`, `tls` or `http2`, or what has one as `server`, such as that of a framework
 * @throws Error where the server cannot listen, as its event `error` tells
 */
export async function listen(server: Server | { readonly server: Server }, options: ServiceOptions): Promise<Service> {
  const listener = 'listen' in server && !('server' in server) ? server : (server as { server: Server }).server;
  const { name = defaultName(options), handOver, takeOver, ...where } = options;
  checkedName(name);
  const connections = connectionsOf(listener, { ...(handOver && { handOver }), ...(takeOver && { takeOver }) });
  let started = () => {};
  const starting = new Promise<void>((resolve) => {
    started = resolve;
  });
  let service: PassingService | undefined;
  const updates = onDrain(async (update) => {
    // What the last generation left must be taken first.
    await starting;
    return service?.rest(update);
  });
  try {
    const acceptor = (await updates.announced) ? await acceptorFor(name, where) : undefined;
    if (acceptor === undefined) {
      updates.close();
      await listening(listener, where);
      return { passes: false, tookOver: false, connections: 0 };
    }
    service = new PassingService(listener, connections, acceptor, updates);
    return await service.start();
  } catch (error) {
    updates.close();
    throw error;
  } finally {
    started();
  }
}

class PassingService {
  #session: LiveUpdateSession | undefined;
  #isClosed = false;

  constructor(
    readonly server: Server,
    readonly connections: Connections,
    readonly acceptor: Acceptor,
    readonly updates: UpdateSubscription,
  ) {}

  async start(): Promise<Service> {
    const { server, connections, acceptor } = this;
    // Sockets of the server of Node are half open where it asked for that.
    const { allowHalfOpen = false } = server as { allowHalfOpen?: boolean };
    const taken: TakenSocket[] = [];
    try {
      for (const name of acceptor.left) taken.push(...takeSockets(name, allowHalfOpen));
      await acceptor.start(server);
    } catch (error) {
      for (const { socket } of taken) socket.destroy();
      acceptor.close();
      throw error;
    }
    this.#closeWithServer();
    for (const one of taken) connections.adopt(one);
    return { passes: true, tookOver: acceptor.isTakenOver, connections: taken.length };
  }

  /** Gets ready to be replaced. */
  async rest({ signal }: Update): Promise<Undo> {
    const { server, connections, acceptor } = this;
    if (this.#isClosed) return () => {};
    const release = stopAccepting(server);
    const goOn = async () => {
      this.#session?.close();
      this.#session = undefined;
      connections.resume();
      release();
      if (!this.#isClosed) await acceptor.start(server);
    };
    try {
      const handed = await connections.drain(signal);
      this.#session = handSockets(acceptor.own, handed);
      return goOn;
    } catch (error) {
      await goOn();
      throw error;
    }
  }

  /** A socket that passes has copies, which would go on listening. */
  #closeWithServer(): void {
    const { server, acceptor, updates } = this;
    const close = server.close;
    server.close = (callback) => {
      if (!this.#isClosed) {
        this.#isClosed = true;
        updates.close();
        acceptor.close();
      }
      return close.call(server, callback);
    };
  }
}

async function acceptorFor(name: string, options: ListenOptions): Promise<Acceptor | undefined> {
  const acceptor = cluster.isWorker ? await SharedSocket.open(name, options) : await ownSocket(name, options);
  if (acceptor === undefined)
    warnOnce(
      `Connections to "${name}" end at the next update: sockets do not pass here. Start the machine with: luo run --preserve sockets`,
    );
  return acceptor;
}

async function ownSocket(name: string, options: ListenOptions): Promise<Acceptor | undefined> {
  const socket = await ListeningSocket.open(name, options);
  if (socket === undefined) return undefined;
  return {
    isTakenOver: socket.isTakenOver,
    left: socket.left.map((slot) => connectionSession(name, slot)),
    own: connectionSession(name, socket.slots.take()),
    start: (server) => socket.start(server),
    close: () => socket.close(),
  };
}

function connectionsOf(server: Server, options: PassingOptions): Connections {
  if (server instanceof HttpServer) return new HttpConnections(server);
  // The modules of HTTPS and HTTP/2 are not loaded for those who do not use them.
  if (server.constructor.name === 'Http2Server') return new EndingConnections(server, 'connection');
  if (!(server instanceof TlsServer)) return new PlainConnections(server, options);
  const isHttp = 'closeIdleConnections' in server || server.constructor.name === 'Http2SecureServer';
  // What the program does with connections of TLS is its own.
  return isHttp ? new EndingConnections(server, 'secureConnection') : new PlainConnections(server, {});
}
