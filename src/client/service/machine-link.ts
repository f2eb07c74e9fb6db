/** The connection over which a program learns from its machine that it is about to be replaced. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
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
  const socket = connect(join(runtimeDirectory(), process.env['LUO_MACHINE'] ?? '', CONTROL_SOCKET));
  const say = (message: object) => socket.write(`${JSON.stringify(message)}\n`);
  const link: MachineLink = {
    prepared: (number) => say({ request: 'prepared', number }),
    unprepared: (number, reason) => say({ request: 'unprepared', number, reason }),
    keepAlive: (wanted) => (wanted ? socket.ref() : socket.unref()),
  };
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('it does not answer'));
      events.cancelled('The machine has ended');
    });
    socket.on('connect', () => say({ request: 'updates', pid: process.pid }));
    const lines = createInterface({ input: socket });
    // It tells those of the socket once more.
    lines.on('error', () => {});
    lines.on('line', (line) => {
      const message = parse(line);
      if (message.error !== undefined) reject(new Error(message.error));
      switch (message.update) {
        case 'subscribed':
          link.keepAlive(false);
          resolve(link);
          break;
        case 'prepare':
          events.prepare(message.number ?? 0, message.timeout ?? 0);
          break;
        case 'cancelled':
          events.cancelled(message.reason ?? '');
          break;
      }
    });
  });
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
