/** Steady load on a server of HTTP: requests one after the other on connections that stay, and on new ones. */
import { connect, type Socket } from 'node:net';

/** How many clients of each kind there are. */
const CLIENTS = 4;

/** How long a client waits between two requests, in milliseconds. The computer must not be what is measured. */
const PAUSE = 5;

export interface LoadReport {
  readonly answered: number;
  /** Connections that were refused or broken, and requests that were not answered. */
  readonly failed: number;
  /** The longest time in which nobody got an answer, in milliseconds. */
  readonly longestStall: number;
}

/** Clients that keep asking from their making on. */
export class Load {
  readonly #port: number;
  readonly #clients: Promise<void>[];
  #isOver = false;
  #answered = 0;
  #failed = 0;
  #lastAnswer = performance.now();
  #longestStall = 0;

  constructor(port: number) {
    this.#port = port;
    this.#clients = Array.from({ length: 2 * CLIENTS }, (_, index) => this.#ask(index < CLIENTS));
  }

  /** Waits until as many requests more have been answered. */
  async answers(count: number): Promise<void> {
    const wanted = this.#answered + count;
    while (this.#answered < wanted) await pause();
  }

  async end(): Promise<LoadReport> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return { answered: this.#answered, failed: this.#failed, longestStall: this.#longestStall };
  }

  async #ask(keepsAlive: boolean): Promise<void> {
    let socket: Socket | undefined;
    while (!this.#isOver) {
      try {
        // A server may end a connection that is idle: no request fails by that.
        if (socket === undefined || socket.destroyed) socket = await connected(this.#port);
        const isOpen = await answer(socket, keepsAlive);
        this.#count();
        if (!isOpen) {
          socket.destroy();
          socket = undefined;
        }
      } catch {
        this.#failed += 1;
        socket?.destroy();
        socket = undefined;
      }
      await pause();
    }
    socket?.destroy();
  }

  #count(): void {
    const now = performance.now();
    this.#longestStall = Math.max(this.#longestStall, now - this.#lastAnswer);
    this.#lastAnswer = now;
    this.#answered += 1;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE));
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/**
 * One request, and its answer.
 *
 * @returns whether the connection stays
 */
function answer(socket: Socket, keepsAlive: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let text = '';
    const over = (error?: Error) => {
      socket.off('data', read).off('error', over).off('close', closed);
      if (error !== undefined) reject(error);
      else resolve(keepsAlive && !/^connection: close/im.test(text));
    };
    const closed = () => over(new Error('the connection was closed before there was an answer'));
    const read = (part: Buffer) => {
      text += part.toString('latin1');
      const [head, body] = text.split('\r\n\r\n');
      const [, length] = /^content-length: (\d+)/im.exec(head ?? '') ?? [];
      if (length !== undefined && body !== undefined && body.length >= Number(length)) over();
    };
    socket.on('data', read).on('error', over).on('close', closed);
    socket.write(`GET / HTTP/1.1\r\nhost: bench\r\nconnection: ${keepsAlive ? 'keep-alive' : 'close'}\r\n\r\n`);
  });
}
