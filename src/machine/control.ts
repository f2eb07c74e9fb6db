/** The control socket of a machine: where the other commands of luo find it. */
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { listenForStreams } from '../host/unix-socket.js';
import { CONTROL_SOCKET, type ControlAnswer, parseRequest } from './control-protocol.js';
import { SetupError } from './directories.js';
import { readLines, writeLine } from './json-lines.js';
import type { Machine } from './machine.js';
import { describeThrown } from './report.js';
import type { SerialPorts } from './serial/serial-ports.js';
import { sendTrace } from './trace-sender.js';
import type { Subscriber } from './updates.js';

/** How long somebody who reads slowly is waited for when the machine has ended. Milliseconds. */
const LAST_WORDS = 1000;

const NOT_SUBSCRIBED = {
  error: 'Cannot take that a program is ready: it has not asked for updates on this connection',
};

export interface Control {
  /**
   * Ends all connections, once what was sent is read or has waited too long: this is how those who asked for the
   * machine's end learn of it.
   */
  close(): Promise<void>;
}

/**
 * Listens in the machine's directory.
 *
 * @param given a socket that another process has listened on there, in whose place this one is
 * @throws Error where the directory cannot be written
 */
export function listenForControl(machine: Machine, directory: string, given?: number): Promise<Control> {
  const path = join(directory, CONTROL_SOCKET);
  const descriptor = given ?? listenAnew(path);
  machine.upgrade.controlSocket = descriptor;
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    // The other side may go away at any time.
    socket.on('error', () => socket.destroy());
    const connection: Connection = { socket, subscriber: undefined };
    readLines(socket, (message) => serve(machine, message, connection));
  });
  const close = async () => {
    // What the end of the machine answers is still on its way to the sockets.
    await setImmediate();
    server.close();
    // Node does not know where it is.
    rmSync(path, { force: true });
    await Promise.all([...connections].map(end));
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd: descriptor }, () => resolve({ close }));
  });
}

function listenAnew(path: string): number {
  // A machine that was killed has left its own.
  rmSync(path, { force: true });
  return listenForStreams(path);
}

function end(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve);
    if (socket.writableLength === 0) socket.destroy();
    socket.destroySoon();
    setTimeout(() => socket.destroy(), LAST_WORDS).unref();
  });
}

interface Connection {
  readonly socket: Socket;
  /** Once it has asked for updates. */
  subscriber: Subscriber | undefined;
}

/** Anything may connect and say anything: what is no request gets an answer that says so. */
function serve(machine: Machine, message: unknown, connection: Connection): void {
  const { socket } = connection;
  const answer = (text: ControlAnswer) => writeLine(socket, text);
  const request = parseRequest(message);
  switch (request?.request) {
    case undefined:
      answer({ error: 'Cannot serve a request: this version of luo does not know it' });
      return;
    case 'status':
      answer(statusOf(machine, request.sessions));
      return;
    case 'kexec': {
      const asked = new AbortController();
      socket.once('close', () => asked.abort());
      machine.kexec(request, asked.signal).then(
        (report) => answer({ kexec: report }),
        (error: unknown) => answer({ error: error instanceof Error ? error.message : String(error) }),
      );
      return;
    }
    case 'updates':
      subscribe(machine, connection, request.pid);
      return;
    case 'prepared':
      if (connection.subscriber !== undefined) machine.updates.prepared(connection.subscriber, request.number);
      else answer(NOT_SUBSCRIBED);
      return;
    case 'unprepared':
      if (connection.subscriber === undefined) answer(NOT_SUBSCRIBED);
      else machine.updates.unprepared(connection.subscriber, request.reason, request.number);
      return;
    case 'trace':
      sendTrace(machine, socket);
      return;
    case 'waveform':
      answer(attempt(() => ({ waveforms: portsOf(machine).waveforms(request.port) })));
      return;
    case 'plug':
      answer(
        attempt(() => {
          portsOf(machine).plug(request.port, request.plugged);
          return { plugged: request.plugged };
        }),
      );
      return;
    case 'upgrade':
      // Answered by the end of the connection, where the new luo takes over.
      machine.upgrade.run(request).catch((error: unknown) => {
        answer({ error: error instanceof Error ? error.message : String(error) });
      });
      return;
    case 'recover':
      answer({ runs: true });
      return;
    case 'stop':
      // Answered by the end of the connection, when the machine is gone.
      machine.stop(request.timeout);
      return;
  }
}

function subscribe(machine: Machine, connection: Connection, pid: number | undefined): void {
  const { socket } = connection;
  if (connection.subscriber !== undefined) return;
  const subscriber: Subscriber = { pid, send: (message) => writeLine(socket, message) };
  connection.subscriber = subscriber;
  // A program that ends, or is ended, says nothing more.
  socket.once('close', () => machine.updates.leave(subscriber));
  machine.updates.subscribe(subscriber);
}

/** @throws SetupError where the machine has none */
function portsOf({ hardware: { ports } }: Machine): SerialPorts {
  if (ports !== undefined) return ports;
  throw new SetupError(
    'Cannot find a serial port: the machine has none. Start it with one: luo run --serial=ttyS0=8250',
  );
}

function attempt(action: () => ControlAnswer): ControlAnswer {
  try {
    return action();
  } catch (error) {
    if (error instanceof SetupError) return { error: error.message };
    throw error;
  }
}

/** A handler of somebody's may fail to tell the size of a file. That is no reason to end anything. */
function statusOf(machine: Machine, detailed = false): ControlAnswer {
  try {
    return { status: machine.status(detailed) };
  } catch (error) {
    return { error: `Cannot tell the state of the machine: ${describeThrown(error)}` };
  }
}
