import { setTimeout } from 'node:timers/promises';
import { close } from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import { connectTo, type Received, receiveMessage, sendMessage } from '../host/unix-socket.js';
import { errno } from '../uapi/errno.js';
import { type HoldAnswer, type HoldRequest, parse } from './protocol.js';

/** How long a holder may take to answer. One that is stopped, as with Ctrl-Z, does not. Milliseconds. */
const PATIENCE = 3000;
/** The first look for an answer comes after this time, and each next one after twice as much. Milliseconds. */
const FIRST_LOOK = 1;
const LONGEST_PAUSE = 16;

/** What a holder said, and what came with it: the caller's to close. */
export interface Reply {
  readonly answer: HoldAnswer;
  readonly descriptor?: number;
  /** The connection. The holder keeps a lock for as long as it is open. */
  readonly connection: number;
}

/**
 * Asks the holder that listens at a path.
 *
 * @returns undefined where nobody listens there
 * @throws Error where it does not answer
 */
export async function ask(socket: string, request: HoldRequest): Promise<Reply | undefined> {
  const connection = connect(socket);
  if (connection === undefined) return undefined;
  try {
    sendMessage(connection, JSON.stringify(request));
    const { text, ...descriptor } = await received(connection, socket);
    // Only a holder of this user's listens there.
    return { answer: parse(text) as HoldAnswer, ...descriptor, connection };
  } catch (error) {
    close(connection);
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Waits until the other end of a connection is closed. */
export async function ended({ connection }: Reply): Promise<void> {
  for (;;) {
    try {
      if (receiveMessage(connection)?.text === '') return;
    } catch {
      return;
    }
    await setTimeout(LONGEST_PAUSE);
  }
}

function connect(socket: string): number | undefined {
  try {
    return connectTo(socket);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const gone: readonly number[] = [errno.ENOENT, errno.ECONNREFUSED, errno.EPIPE, errno.ENOTDIR, ECONNRESET];
  return error instanceof SystemError && gone.includes(error.errno);
}

const ECONNRESET = 104;

/** Nothing of Node's receives descriptors, and a thread that waits would be one more thing to end. */
async function received(connection: number, socket: string): Promise<Received> {
  const limit = performance.now() + PATIENCE;
  for (let next = FIRST_LOOK; performance.now() < limit; next = Math.min(next * 2, LONGEST_PAUSE)) {
    await setTimeout(next);
    const message = receiveMessage(connection);
    if (message?.text === '') throw new SystemError('recvmsg', errno.EPIPE);
    if (message !== undefined) return message;
  }
  throw new Error(
    `Cannot reach the luo that holds the port: it does not answer at ${socket}. It may be stopped (Ctrl-Z)`,
  );
}
