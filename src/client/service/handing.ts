/** Brings a connection of a program to rest, so that another process can go on with it at the very same byte. */
import type { Socket } from 'node:net';
import type { HandedSocket } from './handed-sockets.js';
import { halfCharacter, isFlushed, stopReading, takeBuffered } from './handles.js';
import type { Json } from './json.js';

/** What a program says of a connection that it hands over. */
export interface ConnectionState {
  /** What was read and not worked on. It is the first that is read again: by the next generation, or here. */
  readonly unread?: Uint8Array | undefined;
  /** What the next generation is to know of it. */
  readonly state?: Json | undefined;
}

/** How often it is looked whether the last bytes have left, once Node has taken them. Milliseconds. */
const FLUSH_INTERVAL = 5;

/**
 * Stops reading, lets the program say what it has not worked on, and waits until all that was written has gone out.
 *
 * @param say called when nothing comes in any more
 * @param signal aborted where the update does not happen
 * @returns the connection, and what makes it go on
 */
export async function rest(
  socket: Socket,
  say: () => ConnectionState | undefined | Promise<ConnectionState | undefined>,
  signal: AbortSignal,
): Promise<{ handed: HandedSocket; undo: () => void }> {
  const timeout = socket.timeout ?? 0;
  const readAgain = stopReading(socket);
  socket.setTimeout(0);
  let unread: Uint8Array = new Uint8Array(0);
  const undo = () => {
    if (socket.destroyed) return;
    // A stream that gives text takes text back.
    const { readableEncoding: encoding } = socket;
    if (unread.length > 0) socket.unshift(encoding === null ? unread : Buffer.from(unread).toString(encoding));
    socket.setTimeout(timeout);
    readAgain();
  };
  try {
    const { unread: kept, state } = (await say()) ?? {};
    if (kept !== undefined) unread = kept;
    await flushed(socket, signal);
    unread = Buffer.concat([unread, ...takeBuffered(socket)]);
    return { handed: { socket, unread: Buffer.concat([unread, halfCharacter(socket)]), state }, undo };
  } catch (error) {
    undo();
    throw error;
  }
}

/** Also where the connection has ended meanwhile. */
async function flushed(socket: Socket, signal: AbortSignal): Promise<void> {
  while (!socket.destroyed && !isFlushed(socket)) {
    signal.throwIfAborted();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, FLUSH_INTERVAL);
      function done() {
        clearTimeout(timer);
        socket.off('drain', done).off('close', done);
        resolve();
      }
      socket.on('drain', done).on('close', done);
    });
  }
  signal.throwIfAborted();
}
