import { close } from '../host/descriptors.js';
import { LiveUpdateError } from './error.js';
import { Memfd } from './memfd.js';
import { INDEX_TOKEN } from './outgoing-state.js';
import type { LiveUpdateSession } from './session.js';
import { StateBuffer } from './state-buffer.js';
import { PersistentStateError, type PersistentStateErrorCode } from './state-error.js';
import { type IndexEntry, IndexError, readIndex } from './state-index.js';

/**
 * Takes the buffers of a state out of the session that the last generation left, and finishes and closes it.
 *
 * @throws PersistentStateError where that cannot be done. The session is open then, and not finished: the kernel has
 * let go of nothing
 */
export function takeBuffers(session: LiveUpdateSession): Map<string, StateBuffer> {
  const buffers = new Map<string, StateBuffer>();
  try {
    for (const entry of takeIndex(session)) buffers.set(entry.key, takeBuffer(session, entry));
    session.finish();
  } catch (error) {
    for (const { memfd } of buffers.values()) memfd.close();
    throw stateError(session, error);
  }
  session.close();
  return buffers;
}

function takeIndex(session: LiveUpdateSession): IndexEntry[] {
  using memfd = takeMemory(session, INDEX_TOKEN);
  return readIndex(memfd.map());
}

function takeBuffer(session: LiveUpdateSession, { key, token, bytes }: IndexEntry): StateBuffer {
  const memfd = takeMemory(session, token);
  // A machine that is not strict lets a write over the end make a preserved file longer.
  if (memfd.size >= bytes) return new StateBuffer(memfd, bytes);
  const { size } = memfd;
  memfd.close();
  throw new IndexError('damaged', `its buffer ${JSON.stringify(key)} has ${size} bytes, and its index says ${bytes}`);
}

/** Where the file is no memory, its descriptor is closed: the session gives another one to who asks. */
function takeMemory(session: LiveUpdateSession, token: number): Memfd {
  const fd = session.retrieve(token);
  try {
    return Memfd.fromDescriptor(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

function stateError(session: LiveUpdateSession, cause: unknown): unknown {
  const [code, why] = explanation(cause);
  if (code === undefined) return cause;
  const message = `Cannot open state "${session.name}": ${why}. Nothing was let go of: error.session is open and has all of it; close() it to start anew`;
  return new PersistentStateError(code, message, session, cause);
}

/** The code, undefined for an error of the program, and what follows the colon. */
function explanation(cause: unknown): [PersistentStateErrorCode | undefined, string] {
  if (cause instanceof IndexError)
    return [cause.problem === 'version' ? 'ERR_STATE_VERSION' : 'ERR_STATE_DAMAGED', cause.message];
  if (cause instanceof RangeError) return ['ERR_STATE_DAMAGED', cause.message];
  if (!(cause instanceof LiveUpdateError)) return [undefined, ''];
  // The program has closed the session that it gives: there is nothing to go back to.
  if (cause.operation === 'RETRIEVE_FD' && cause.code === 'EBADF') return [undefined, ''];
  if (cause.operation === 'F_GET_SEALS') return ['ERR_STATE_DAMAGED', 'it has a file that is no memory'];
  if (cause.operation === 'RETRIEVE_FD' && cause.code === 'ENOENT')
    return cause.token === BigInt(INDEX_TOKEN)
      ? ['ERR_STATE_INCOMPLETE', 'it has no index: the live update came before preserve() had ended']
      : ['ERR_STATE_DAMAGED', `its index names token ${cause.token}, which the session does not have`];
  return ['ERR_STATE_UNREADABLE', cause.message];
}
