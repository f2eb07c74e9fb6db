/** A machine that is held: nothing of it runs, its name is taken, and it waits for what it is asked. */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { MachineConfig } from '../config.js';
import type { RecoveryReport } from '../control-protocol.js';
import { CONTROL_SOCKET, type ControlAnswer, type NewCommand, parseRequest } from '../control-protocol.js';
import { readLines, writeLine } from '../json-lines.js';
import type { SignalRoute } from '../signal-route.js';
import { asksToEnd } from '../signals.js';
import type { HeldDescriptors } from './held-descriptors.js';
import { heldStatus } from './held-status.js';

/** A machine is to boot again. */
export interface Asked {
  /** What is new of what it runs. */
  readonly command: NewCommand;
  /** Its program runs. */
  succeeded(recovered: RecoveryReport): void;
  /** There will be none. To no effect after `succeeded`. */
  failed(reason: string): void;
}

export class Hold {
  readonly #config: MachineConfig;
  readonly #held: HeldDescriptors;
  readonly #signals: SignalRoute;
  readonly #connections = new Set<Socket>();
  /** The one that waits for the machine. */
  #waits: Socket | undefined;

  constructor(config: MachineConfig, held: HeldDescriptors, signals: SignalRoute) {
    this.#config = config;
    this.#held = held;
    this.#signals = signals;
  }

  /**
   * Waits for the command that ends the hold.
   *
   * @returns undefined where all is to be let go of
   * @throws Error where the directory of the machine cannot be written
   */
  async asked(): Promise<Asked | undefined> {
    const socket = join(this.#config.directory, CONTROL_SOCKET);
    return new Promise((resolve, reject) => {
      const server = createServer((connection) => {
        this.#connections.add(connection);
        connection.on('close', () => this.#connections.delete(connection));
        connection.on('error', () => connection.destroy());
        readLines(connection, (message) => this.#serve(message, connection, end));
      });
      const end = (asked: Asked | undefined) => {
        server.close();
        this.#signals.wait();
        for (const connection of this.#connections) if (connection !== this.#waits) connection.destroy();
        resolve(asked);
      };
      this.#signals.to((signal) => {
        if (asksToEnd(signal)) end(undefined);
      });
      server.once('error', reject);
      server.listen(socket);
    });
  }

  #serve(message: unknown, connection: Socket, end: (asked: Asked | undefined) => void): void {
    const answer = (text: ControlAnswer) => writeLine(connection, text);
    const request = parseRequest(message);
    switch (request?.request) {
      case 'status':
        answer({ status: heldStatus(this.#config, this.#held, request.sessions ?? false) });
        return;
      case 'stop':
        // Answered by the end of the connection.
        end(undefined);
        return;
      case 'recover':
        // Only the first one can have it.
        if (this.#waits !== undefined) return;
        this.#waits = connection;
        end(this.#answerTo(connection, request.command));
        return;
      default:
        answer({
          error: `Cannot do that with machine "${this.#config.name}": it is held and does not run. Boot it again first: luo recover ${this.#config.name}`,
        });
    }
  }

  #answerTo(connection: Socket, command: NewCommand): Asked {
    const answer = (text: ControlAnswer) => {
      writeLine(connection, text);
      connection.end();
    };
    let isAnswered = false;
    const once = (text: ControlAnswer) => {
      if (!isAnswered) answer(text);
      isAnswered = true;
    };
    return {
      command,
      succeeded: (recovered) => once({ recovered }),
      failed: (error) => once({ error }),
    };
  }
}
