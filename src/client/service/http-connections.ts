import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from './connections.js';
import type { HandedSocket, TakenSocket } from './handed-sockets.js';
import { httpStateOf, isBetweenMessages, join, responseOn, stopReading } from './handles.js';

/** Requests come by these events; by the last two only where the program listens for them. */
const REQUESTS = ['request', 'checkContinue', 'checkExpectation'] as const;

/** How often connections are looked at besides: Node answers some requests without an event. Milliseconds. */
const LOOK_INTERVAL = 50;

/**
 * Connections of HTTP without TLS. One that is idle is not read any more, and passes as it is: what its client sends
 * meanwhile waits in the kernel. One that is busy is waited for until its answer is out.
 */
export class HttpConnections implements Connections {
  readonly #server: HttpServer;
  readonly #open = new Set<Socket>();
  /** Those that are not read any more, with what reads them again. */
  readonly #resting = new Map<Socket, () => void>();
  /** Called when a connection may have come to rest, while they are waited for. */
  #looked: (() => void) | undefined;

  constructor(server: HttpServer) {
    this.#server = server;
    server.prependListener('connection', (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => {
        this.#open.delete(socket);
        this.#resting.delete(socket);
        this.#looked?.();
      });
    });
  }

  async drain(signal: AbortSignal): Promise<HandedSocket[]> {
    const requests = REQUESTS.filter((event) => event === 'request' || this.#server.listenerCount(event) > 0);
    const watch = (_: unknown, response: ServerResponse) => this.#watch(response);
    const timer = setInterval(() => this.#lookAtAll(), LOOK_INTERVAL);
    for (const event of requests) this.#server.prependListener(event, watch);
    try {
      for (const socket of this.#open) {
        const response = responseOn(socket);
        // Nothing else is written to the connections of such a server.
        if (response !== undefined) this.#watch(response as ServerResponse);
      }
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        this.#looked = () => this.#areAllAtRest && resolve();
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#lookAtAll();
      });
      return [...this.#resting.keys()].map((socket) => ({ socket }));
    } finally {
      clearInterval(timer);
      this.#looked = undefined;
      for (const event of requests) this.#server.off(event, watch);
    }
  }

  resume(): void {
    for (const goOn of this.#resting.values()) goOn();
    this.#resting.clear();
  }

  adopt({ socket }: TakenSocket): void {
    join(this.#server, socket);
    this.#server.emit('connection', socket);
  }

  get #areAllAtRest(): boolean {
    return [...this.#open].every((socket) => {
      const state = httpStateOf(socket);
      return state === 'left' || (state === 'idle' && this.#resting.has(socket));
    });
  }

  /** The moment at which the answer is out is the one to stop reading: the next request may follow at once. */
  #watch(response: ServerResponse): void {
    const look = () => {
      const { socket } = response.req;
      this.#look(socket);
      this.#looked?.();
    };
    response.once('finish', look).once('close', look);
    const { socket } = response.req;
    // A client that sends requests without waiting for answers would never come to rest. Once the parser has the whole
    // of what came in, it may be between two.
    process.nextTick(() => {
      const isQueued = responseOn(socket) !== undefined && responseOn(socket) !== response;
      if (isQueued && this.#looked !== undefined && isBetweenMessages(socket)) this.#rest(socket);
    });
  }

  #lookAtAll(): void {
    for (const socket of this.#open) this.#look(socket);
    this.#looked?.();
  }

  #look(socket: Socket): void {
    if (socket.destroyed || httpStateOf(socket) !== 'idle') return;
    if (this.#resting.has(socket)) socket.setTimeout(0);
    else this.#rest(socket);
  }

  #rest(socket: Socket): void {
    if (this.#resting.has(socket)) return;
    const timeout = socket.timeout ?? 0;
    const readAgain = stopReading(socket);
    // The time that a client has for its next request does not run while nobody reads it.
    socket.setTimeout(0);
    this.#resting.set(socket, () => {
      if (socket.destroyed) return;
      socket.setTimeout(timeout);
      readAgain();
    });
  }
}
