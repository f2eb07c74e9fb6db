/**
 * What Node knows of its sockets and has no public name for. All of it is here, and nothing of it anywhere else: the
 * number of a descriptor, which sessions want; a way to stop reading that no other code undoes; a way to stop accepting
 * that does not end the server; and whether an HTTP parser is between two messages.
 */

import type { SendHandle } from 'node:child_process';
import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { type Server, Socket } from 'node:net';
import { duplicate } from '../../host/descriptors.js';

/** The handle of libuv behind a server or a socket, as `TCP` and `Pipe` of Node 20 to 24 have it. */
export interface Handle {
  readonly fd: number;
  reading?: boolean;
  readonly writeQueueSize?: number;
  readStart(): number;
  readStop(): number;
  close(): void;
  ref(): void;
  unref(): void;
  getsockname?(address: object): number;
}

interface HttpParser {
  /** How long the message is being read, 0 between two; a new parser tells how long it is there. */
  duration?(): number;
}

interface Internals {
  _handle?: Handle | null;
  parser?: HttpParser | null;
  /** The response that is being written. */
  _httpMessage?: object | null;
  _connections?: number;
  _listen2?(address: null, port: null, type: null, backlog: number | undefined): void;
  _readableState?: { readonly decoder?: Decoder | null };
}

/** What a stream decodes text with. */
interface Decoder {
  readonly lastChar: Uint8Array;
  /** Bytes of a character that is not whole: how many it has, and how many of them are missing. */
  readonly lastTotal: number;
  readonly lastNeed: number;
}

function internalsOf(owner: object): Internals {
  // Servers and sockets have these fields, which the types of Node do not tell.
  return owner as Internals;
}

/** The descriptor of a server that listens or a socket that is connected, which stays theirs; undefined without one. */
export function descriptorOf(owner: Server | Socket): number | undefined {
  const fd = internalsOf(owner)._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

/**
 * Leaves what comes in to the kernel, whatever the stream and those who read it do.
 *
 * @returns what starts it again
 */
export function stopReading(socket: Socket): () => void {
  const { _handle: handle } = internalsOf(socket);
  if (!handle) return () => {};
  const wasReading = handle.reading ?? false;
  handle.readStop();
  // A stream starts to read where it has not: it believes that it has.
  handle.reading = true;
  return () => {
    if (internalsOf(socket)._handle !== handle) return;
    handle.reading = wasReading;
    if (wasReading) handle.readStart();
    else if (!socket.isPaused()) socket.read(0);
  };
}

/** Takes what the stream has read and the program has not, without those who listen for data. */
export function takeBuffered(socket: Socket): Buffer[] {
  const { readableEncoding: encoding } = socket;
  const chunks: Buffer[] = [];
  // Whatever is taken out of a stream is an event, too.
  socket.emit = (event: string | symbol, ...values: unknown[]) =>
    event !== 'data' && Reflect.apply(EventEmitter.prototype.emit, socket, [event, ...values]);
  try {
    for (let chunk: Buffer | string | null = socket.read(); chunk !== null; chunk = socket.read())
      chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding ?? 'utf8') : chunk);
  } finally {
    // The method of its class is there again.
    Reflect.deleteProperty(socket, 'emit');
  }
  return chunks;
}

/** The bytes of a character that has not come in whole, which a stream that gives text holds back. */
export function halfCharacter(socket: Socket): Uint8Array {
  const decoder = internalsOf(socket)._readableState?.decoder;
  return decoder ? decoder.lastChar.slice(0, decoder.lastTotal - decoder.lastNeed) : new Uint8Array(0);
}

/** Whether all that was written is in the hands of the kernel. */
export function isFlushed(socket: Socket): boolean {
  return socket.writableLength === 0 && (internalsOf(socket)._handle?.writeQueueSize ?? 0) === 0;
}

/**
 * Lets new connections wait in the queue of the listening socket, which others hold open. The server looks as before,
 * so that it does not end with its last connection.
 *
 * @returns what must be called before the server listens again
 */
export function stopAccepting(server: Server): () => void {
  const internals = internalsOf(server);
  const { _handle: handle } = internals;
  if (!handle) return () => {};
  const address = server.address();
  handle.close();
  const nothing = () => {};
  const fill = (out: object) => {
    Object.assign(out, address);
    return 0;
  };
  const standIn = {
    close: nothing,
    ref: nothing,
    unref: nothing,
    // A UNIX socket has none: its server knows its own path.
    ...(handle.getsockname === undefined ? {} : { getsockname: fill }),
  };
  // All that a server that does not listen asks of its handle.
  internals._handle = standIn as unknown as Handle;
  return () => {
    // Unless the program has closed the server meanwhile.
    if (internals._handle === (standIn as unknown as Handle)) internals._handle = null;
  };
}

/** Sends a listening socket to a worker, and accepts nothing from it here, as a server would that was sent. */
export function sendDescriptor(worker: Worker, message: object, fd: number): void {
  const carrier = new Socket({ fd: duplicate(fd), manualStart: true } as ConstructorParameters<typeof Socket>[0]);
  const { _handle } = internalsOf(carrier);
  if (worker.isConnected()) worker.send(message, _handle as unknown as SendHandle, () => carrier.destroy());
  else carrier.destroy();
}

/** Makes a server accept from such a socket. `listen()` would ask the primary for another one. */
export function acceptFrom(server: Server, handle: Handle, backlog: number | undefined): Promise<void> {
  const internals = internalsOf(server);
  internals._handle = handle;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    internals._listen2?.(null, null, null, backlog);
  });
}

/** Makes a connection one of a server's, as those are that it accepts: the server ends after it. */
export function join(server: Server, socket: Socket): void {
  const internals = internalsOf(server);
  internals._connections = (internals._connections ?? 0) + 1;
  Object.assign(socket, { server, _server: server });
}

/** What has become of an HTTP connection. */
export type HttpState = 'idle' | 'busy' | 'left';

/**
 * Whether a connection could be another process's now: no request of it is being read or answered, no byte of the next
 * one has come in, and all of the last answer has gone out. One that has left HTTP, by an upgrade, is the program's own.
 */
export function httpStateOf(socket: Socket): HttpState {
  const { parser, _httpMessage } = internalsOf(socket);
  if (!parser) return 'left';
  if (_httpMessage || !isFlushed(socket) || socket.writableEnded) return 'busy';
  return isBetweenMessages(socket) ? 'idle' : 'busy';
}

/** Whether the parser has read whole messages only. */
export function isBetweenMessages(socket: Socket): boolean {
  return socket.bytesRead === 0 || internalsOf(socket).parser?.duration?.() === 0;
}

/** The response that an HTTP connection is busy with. */
export function responseOn(socket: Socket): object | undefined {
  return internalsOf(socket)._httpMessage ?? undefined;
}
