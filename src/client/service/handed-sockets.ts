/**
 * Connected sockets in a session: token 0 is an index, a memfd with a JSON text; each other token a socket. The index
 * is preserved last, so that a session which has one has all sockets that it names.
 */
import { Socket } from 'node:net';
import { close } from '../../host/descriptors.js';
import { LiveUpdateError } from '../error.js';
import { Memfd } from '../memfd.js';
import type { LiveUpdateSession } from '../session.js';
import { descriptorOf } from './handles.js';
import type { Json } from './json.js';
import { createSession, retrieveIfThere } from './sessions.js';

const INDEX_TOKEN = 0;
const VERSION = 1;

/** A socket that nobody reads any more and that has nothing left to write. */
export interface HandedSocket {
  readonly socket: Socket;
  /** What was read and is still to be worked on. */
  readonly unread?: Uint8Array | undefined;
  /** What the program wants to know of it. */
  readonly state?: Json | undefined;
}

/** A connection that the last generation handed over. */
export interface TakenSocket {
  /** The same connection. What the last generation had read and not worked on is read first. */
  readonly socket: Socket;
  /** What the last generation said of it. */
  readonly state: Json | undefined;
}

interface Entry {
  readonly token: number;
  /** Base64. */
  readonly unread?: string;
  readonly state?: Json;
  /** Whether its writing side has ended. */
  readonly ended?: true;
}

/**
 * Preserves sockets in a new session. They stay with this generation, too, until it ends.
 *
 * @throws LiveUpdateError, and then nothing is preserved
 */
export function handSockets(name: string, sockets: readonly HandedSocket[]): LiveUpdateSession {
  const session = createSession(name);
  try {
    const entries = sockets.flatMap((handed, index) => preserve(session, handed, index + 1));
    writeIndex(session, { version: VERSION, sockets: entries });
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

function preserve(session: LiveUpdateSession, { socket, unread, state }: HandedSocket, token: number): Entry[] {
  const fd = descriptorOf(socket);
  // It was closed meanwhile.
  if (fd === undefined || socket.destroyed) return [];
  session.preserve(fd, token);
  return [
    {
      token,
      ...(unread === undefined || unread.length === 0 ? {} : { unread: Buffer.from(unread).toString('base64') }),
      ...(state === undefined ? {} : { state }),
      ...(socket.writableEnded ? { ended: true } : {}),
    },
  ];
}

function writeIndex(session: LiveUpdateSession, index: object): void {
  const bytes = Buffer.from(JSON.stringify(index));
  using memfd = Memfd.create('luo-sockets', { size: bytes.length });
  memfd.map().set(bytes);
  session.preserve(memfd, INDEX_TOKEN);
}

/**
 * Takes the sockets that the last generation left in a session, and finishes it.
 *
 * @param allowHalfOpen whether the sockets go on when the other side has ended
 */
export function takeSockets(name: string, allowHalfOpen: boolean): TakenSocket[] {
  const session = retrieveIfThere(name);
  if (session === undefined) return [];
  const taken: TakenSocket[] = [];
  try {
    for (const entry of readIndex(session)) taken.push(take(session, entry, allowHalfOpen));
    session.finish();
  } catch (error) {
    for (const { socket } of taken) socket.destroy();
    throw error;
  } finally {
    session.close();
  }
  return taken;
}

/** None where there is no index: the update came before all sockets were in the session. */
function readIndex(session: LiveUpdateSession): readonly Entry[] {
  let fd: number;
  try {
    fd = session.retrieve(INDEX_TOKEN);
  } catch (error) {
    if (error instanceof LiveUpdateError && error.code === 'ENOENT') return [];
    throw error;
  }
  using memfd = Memfd.fromDescriptor(fd);
  // This module wrote it, in this version or another.
  const { version, sockets } = JSON.parse(Buffer.from(memfd.map()).toString()) as {
    version: number;
    sockets: readonly Entry[];
  };
  if (version === VERSION) return sockets;
  throw new Error(
    `Cannot take over the connections in session "${session.name}": version ${version} of luo's index is newer than this one, ${VERSION}. Run the version of luo that wrote it`,
  );
}

function take(session: LiveUpdateSession, { token, unread, state, ended }: Entry, allowHalfOpen: boolean): TakenSocket {
  const fd = session.retrieve(token);
  try {
    const socket = new Socket({ fd, readable: true, writable: !ended, allowHalfOpen });
    if (unread !== undefined) socket.unshift(Buffer.from(unread, 'base64'));
    return { socket, state };
  } catch (error) {
    close(fd);
    throw error;
  }
}
