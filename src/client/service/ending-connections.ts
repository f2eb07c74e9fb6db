import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Connections } from './connections.js';
import { responseOn } from './handles.js';

/** How long a client may take with the first request of its connection. Milliseconds. */
const FIRST_REQUEST = 1000;

interface Http2Session {
  close(callback: () => void): void;
}

/**
 * Connections that cannot pass, since a part of their state is in this process: those of TLS and of HTTP/2. What was
 * asked on them is answered, and then they end, as when any server is replaced.
 */
export class EndingConnections implements Connections {
  readonly #server: HttpServer;
  readonly #open = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  /** Those on which a request has come. */
  readonly #used = new WeakSet<Socket>();
  #isEnding = false;
  #changed: (() => void) | undefined;

  /** @param event that by which the server gives a connection to the program */
  constructor(server: Server, event: 'secureConnection' | 'connection') {
    // Those of HTTPS and HTTP/2 have the events and methods of HTTP that are used here.
    this.#server = server as HttpServer;
    server.prependListener(event, (socket: Socket) => this.#track(socket));
    server.prependListener('request', (request: { socket: Socket }, response: ServerResponse) => {
      this.#used.add(request.socket);
      if (this.#isEnding) this.#endAfter(response);
    });
    server.on('session', (session: Http2Session & NodeJS.EventEmitter) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
  }

  async drain(signal: AbortSignal): Promise<[]> {
    signal.throwIfAborted();
    this.#isEnding = true;
    for (const session of this.#sessions) session.close(() => {});
    for (const socket of this.#open) {
      const response = responseOn(socket);
      // Nothing else is written to the connections of such a server.
      if (response !== undefined) this.#endAfter(response as ServerResponse);
    }
    const endUnused = setTimeout(() => this.#endUnused(), FIRST_REQUEST);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#changed = () => this.#open.size === 0 && resolve();
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#server.closeIdleConnections?.();
        this.#changed();
      });
      return [];
    } finally {
      clearTimeout(endUnused);
      this.#changed = undefined;
    }
  }

  resume(): void {
    this.#isEnding = false;
  }

  adopt(): void {
    // None was handed over.
  }

  #endAfter(response: ServerResponse): void {
    const { socket } = response.req;
    if (!response.headersSent) response.shouldKeepAlive = false;
    response.once('close', () => {
      if (this.#isEnding) socket.end();
    });
  }

  #endUnused(): void {
    if (this.#sessions.size > 0) return;
    for (const socket of this.#open) if (!this.#used.has(socket)) socket.destroy();
  }

  #track(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#changed?.();
    });
  }
}
