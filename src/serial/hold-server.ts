/** Where a holder is asked for its port. */
import { close } from '../host/descriptors.js';
import { EPOLLIN, type Epoll } from '../host/epoll.js';
import { SystemError } from '../host/libc.js';
import { tryLock, unlock } from '../host/locks.js';
import { acceptFrom, listenAt, receiveMessage, sendMessage } from '../host/unix-socket.js';
import type { Hold } from './hold.js';
import { isExclusive } from './port.js';
import { type HoldAnswer, type HoldRequest, type HoldStatus, parseRequest } from './protocol.js';
import { usersOf } from './users.js';

export interface Served {
  readonly path: string;
  /** Undefined while the device is unplugged. */
  hold(): Hold | undefined;
  end(): void;
  say(message: string): void;
}

export class HoldServer {
  #listener: number | undefined;
  readonly #connections = new Set<number>();
  /** The connection of the program that has the port for itself alone, by a lock as flock() gives it. */
  #locker: { readonly connection: number; readonly hold: Hold } | undefined;

  constructor(
    readonly epoll: Epoll,
    readonly served: Served,
  ) {}

  /** Listens at a path, in place of where it did. */
  listen(path: string): void {
    this.stop();
    this.#listener = listenAt(path);
    this.epoll.add(this.#listener, EPOLLIN, this.#listener);
  }

  /** Takes no more connections; those that are there go on. */
  stop(): void {
    if (this.#listener === undefined) return;
    this.epoll.remove(this.#listener);
    close(this.#listener);
    this.#listener = undefined;
  }

  /** Closes all connections: this is how those who asked for the end learn of it. */
  end(): void {
    this.stop();
    for (const connection of this.#connections) this.#close(connection);
  }

  /** @param fd what the epoll set has found */
  handle(fd: number): void {
    if (fd === this.#listener) this.#accept(fd);
    else if (this.#connections.has(fd)) this.#serve(fd);
  }

  #accept(listener: number): void {
    const connection = acceptFrom(listener);
    if (connection === undefined) return;
    this.#connections.add(connection);
    this.epoll.add(connection, EPOLLIN, connection);
  }

  #serve(connection: number): void {
    try {
      const message = receiveMessage(connection);
      if (message === undefined) return;
      if (message.descriptor !== undefined) close(message.descriptor);
      if (message.text === '') {
        this.#close(connection);
        return;
      }
      const request = parseRequest(message.text);
      const { answer, descriptor } = this.#answer(request, connection);
      sendMessage(connection, JSON.stringify(answer), descriptor);
      if (request?.request === 'release') this.served.end();
    } catch (error) {
      // The other side may go away at any time.
      if (!(error instanceof SystemError)) throw error;
      this.#close(connection);
    }
  }

  #answer(request: HoldRequest | undefined, connection: number): { answer: HoldAnswer; descriptor?: number } {
    switch (request?.request) {
      case undefined:
        return { answer: { error: 'Cannot serve a request: this version of luo does not know it' } };
      case 'status':
        return { answer: { status: this.#status() } };
      case 'release':
        return { answer: { released: true } };
      case 'open':
        return this.#open(connection, request.lock);
    }
  }

  #status(): HoldStatus {
    const { path, hold } = this.served;
    const held = hold();
    return { path, ...held?.lines, exclusive: held?.exclusive ?? false };
  }

  #open(connection: number, lock: boolean): { answer: HoldAnswer; descriptor?: number } {
    const { path } = this.served;
    const hold = this.served.hold();
    const refuse = (reason: string) => ({ answer: { error: `Cannot open ${path}: ${reason}` } });
    if (hold === undefined) return refuse('it is unplugged; luo waits for it to come back');
    for (const message of hold.tidy()) this.served.say(message);
    if (isExclusive(hold.fd) && !hold.exclusive) {
      const [user] = usersOf(hold.device.rdev);
      const who = user === undefined ? 'a program' : `${user.name} (process ${user.pid})`;
      return refuse(`${who} has it for itself alone (TIOCEXCL)`);
    }
    if (lock) {
      if (this.#locker !== undefined || !tryLock(hold.fd)) return refuse('another program has locked it');
      this.#locker = { connection, hold };
    }
    return { answer: { opened: true }, descriptor: hold.fd };
  }

  #close(connection: number): void {
    this.#connections.delete(connection);
    this.epoll.remove(connection);
    close(connection);
    if (this.#locker?.connection !== connection) return;
    const { hold } = this.#locker;
    this.#locker = undefined;
    // The lock of a port that is gone went with it.
    if (hold === this.served.hold()) unlock(hold.fd);
  }
}
