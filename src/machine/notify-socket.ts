import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatagramSocket } from '../host/datagram.js';
import type { Command } from './command.js';
import { type Notification, parseNotification } from './notification.js';

/** Where the programs of one generation tell how they are: $NOTIFY_SOCKET of sd_notify(3). */
export class NotifySocket {
  readonly #path: string;
  readonly #socket: DatagramSocket;
  #isClosed = false;

  /**
   * @param directory of the machine
   * @throws SystemError where it has no place for a socket
   */
  constructor(directory: string, generation: number) {
    this.#path = join(directory, `notify-${generation}.sock`);
    this.#socket = new DatagramSocket(this.#path);
  }

  /** Readable when something was said. */
  get fd(): number {
    return this.#socket.fd;
  }

  /** The command with what its program must know. */
  equip(command: Command): Command {
    const others = command.env.filter((one) => !one.startsWith('NOTIFY_SOCKET='));
    return { ...command, env: [...others, `NOTIFY_SOCKET=${this.#path}`] };
  }

  /** What was said next; undefined where nothing was. */
  receive(): Notification | undefined {
    const text = this.#isClosed ? undefined : this.#socket.receive();
    return text === undefined ? undefined : parseNotification(text);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    rmSync(this.#path, { force: true });
  }
}
