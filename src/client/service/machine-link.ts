/** The connection over which a program learns from its machine that it is about to be replaced. */
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CONTROL_SOCKET, runtimeDirectory } from '../../host/directories.js';
import { LIVEUPDATE_DEVICE } from '../../uapi/liveupdate.js';

/** What a machine tells. */
export interface LinkEvents {
  /** The number is that of the announcement. The timeout is in milliseconds. */
  prepare(number: number, timeout: number): void;
  cancelled(reason: string): void;
}

/** What the program says. */
export interface MachineLink {
  prepared(number: number): void;
  unprepared(number: number, reason: string): void;
  /** Whether the link keeps the process alive: while an update is under way, nothing else may. */
  keepAlive(wanted: boolean): void;
}

/** Whether this program runs on a machine of luo's. */
export function isOnMachine(): boolean {
  const { LUO_MACHINE } = process.env;
  return LUO_MACHINE !== undefined && LUO_MACHINE !== '' && existsSync(LIVEUPDATE_DEVICE);
}

/**
 * Asks the machine of this program to announce updates.
 *
 * @returns once no update comes unannounced any more
 * @throws Error where the machine cannot be reached, or does not know of announcements
 */
export function linkToMachine(events: LinkEvents): Promise<MachineLink> {
  const link = new Link(events);
  return link.connected().then(() => link);
}

class Link implements MachineLink {
  readonly #events: LinkEvents;
  #socket: Socket | undefined;
  #isKeptAlive = false;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  /** Connects, and again where the machine lets go of the connection and is still there: another luo serves it then. */
  connected(): Promise<void> {
    const socket = connect(join(runtimeDirectory(), process.env['LUO_MACHINE'] ?? '', CONTROL_SOCKET));
    let isLinked = false;
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('it does not answer'));
        if (isLinked) this.#reconnect();
      });
      socket.on('connect', () => write(socket, { request: 'updates', pid: process.pid }));
      const lines = createInterface({ input: socket });
      // It tells those of the socket once more.
      lines.on('error', () => {});
      lines.on('line', (line) => {
        const message = parse(line);
        if (message.error !== undefined) reject(new Error(message.error));
        if (message.update === 'subscribed') {
          isLinked = true;
          this.#socket = socket;
          this.keepAlive(this.#isKeptAlive);
          resolve();
        } else this.#hear(message);
      });
    });
  }

  prepared(number: number): void {
    this.#say({ request: 'prepared', number });
  }

  unprepared(number: number, reason: string): void {
    this.#say({ request: 'unprepared', number, reason });
  }

  keepAlive(wanted: boolean): void {
    this.#isKeptAlive = wanted;
    if (wanted) this.#socket?.ref();
    else this.#socket?.unref();
  }

  /** While another luo takes over, its socket is there, and who connects waits. */
  #reconnect(): void {
    this.#socket = undefined;
    this.connected().catch(() => this.#events.cancelled('The machine has ended'));
  }

  #hear({ update, number = 0, timeout = 0, reason = '' }: Message): void {
    if (update === 'prepare') this.#events.prepare(number, timeout);
    if (update === 'cancelled') this.#events.cancelled(reason);
  }

  #say(message: object): void {
    if (this.#socket !== undefined) write(this.#socket, message);
  }
}

function write(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

interface Message {
  readonly error?: string;
  readonly update?: string;
  readonly number?: number;
  readonly timeout?: number;
  readonly reason?: string;
}

function parse(line: string): Message {
  // Only a machine of this user's listens there, and it writes JSON.
  return JSON.parse(line) as Message;
}
