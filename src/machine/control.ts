/** The control socket of a machine: where the other commands of luo find it. */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { CONTROL_SOCKET, type ControlAnswer, type ControlRequest } from './control-protocol.js';
import { readLines, writeLine } from './json-lines.js';
import type { Machine } from './machine.js';

/**
 * Listens in the machine's directory.
 *
 * @throws Error where the directory cannot be written
 */
export function listenForControl(machine: Machine, directory: string): Promise<Server> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    // The other side may go away at any time.
    socket.on('error', () => socket.destroy());
    readLines(socket, (message) => {
      // Anything may connect: what is no request gets an answer that says so.
      serve(machine, message as ControlRequest, socket, waiting);
    });
  });
  server.on('close', () => {
    for (const socket of waiting) writeLine(socket, { stopped: true });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(join(directory, CONTROL_SOCKET), () => resolve(server));
  });
}

async function serve(machine: Machine, message: ControlRequest, socket: Socket, stopping: Set<Socket>): Promise<void> {
  switch (message.request) {
    case 'status':
      answer(socket, { status: machine.status() });
      return;
    case 'kexec':
      try {
        answer(socket, { kexec: await machine.kexec(commandOf(message)) });
      } catch (error) {
        answer(socket, { error: error instanceof Error ? error.message : String(error) });
      }
      return;
    case 'stop':
      // Answered by the end of the connection, when the machine is gone.
      stopping.add(socket);
      machine.stop(message.timeout);
      return;
    default:
      answer(socket, {
        error: `Cannot serve the request ${JSON.stringify(message)}: this version of luo does not know it`,
      });
  }
}

function commandOf({ argv, cwd }: ControlRequest & { request: 'kexec' }): { argv?: readonly string[]; cwd?: string } {
  return { ...(argv === undefined ? {} : { argv }), ...(cwd === undefined ? {} : { cwd }) };
}

function answer(socket: Socket, message: ControlAnswer): void {
  writeLine(socket, message);
}
