/** The sessions of a kernel as plain values, and back. */
import type { HostFile } from '../fs/file.js';
import { openAt } from '../fs/one-file.js';
import type { Descriptor } from '../hardware.js';
import type { LiveUpdate } from './core.js';
import { SessionName } from './name.js';
import type { SavedKernel, SavedSession } from './saved.js';
import type { Session } from './session.js';

/**
 * Changes nothing that programs could tell.
 *
 * @throws KernelError EOPNOTSUPP for a file that cannot be taken to another process, EINVAL where what the last kernel
 * left cannot be read
 */
export function saveSessions(liveUpdate: LiveUpdate): SavedKernel {
  const all = [...liveUpdate.incoming().all, ...liveUpdate.outgoing.all];
  return { number: liveUpdate.number, sessions: all.map(saveSession) };
}

function saveSession({ type, name, retrieved, finished, incoming, outgoing }: Session): SavedSession {
  return {
    type,
    name: name.bytes.slice(),
    retrieved,
    finished,
    frozen: outgoing.isFrozen,
    outgoing: outgoing.saved(),
    incoming: incoming.saved(),
  };
}

/**
 * Brings the sessions to where they were.
 *
 * @param liveUpdate has booted from what was made of the incoming ones, and no program has seen it
 * @param open wraps a descriptor, which belongs to the file from then on
 * @throws KernelError as CREATE_SESSION and PRESERVE_FD
 */
export function resumeSessions(
  liveUpdate: LiveUpdate,
  sessions: readonly SavedSession[],
  open: (descriptor: Descriptor) => HostFile,
): void {
  for (const saved of sessions) {
    const session =
      saved.type === 'incoming' ? findSession(liveUpdate, saved) : liveUpdate.createSession(fieldOf(saved.name));
    session.retrieved = saved.retrieved;
    session.finished = saved.finished;
    for (const { token, descriptor, outcome } of saved.incoming) {
      if (outcome !== undefined) session.incoming.resume(token, outcome, () => open(descriptor));
    }
    for (const { token, descriptor } of saved.outgoing) {
      session.preserveFd(
        token,
        descriptor,
        openAt(() => open(descriptor)),
      );
    }
    if (saved.frozen) session.outgoing.freeze();
  }
}

/** @throws Error where there is none: a bug of whoever calls */
export function findSession(liveUpdate: LiveUpdate, { type, name }: Pick<SavedSession, 'type' | 'name'>): Session {
  const list = type === 'incoming' ? liveUpdate.incoming() : liveUpdate.outgoing;
  const wanted = SessionName.before(fieldOf(name));
  const found = list.find(wanted);
  if (found === undefined) throw new Error(`Cannot resume the ${type} session ${wanted}: it is not there`);
  return found;
}

/** A name as programs give it, with its NUL. */
export function fieldOf(name: Uint8Array): Uint8Array {
  const field = new Uint8Array(name.length + 1);
  field.set(name);
  return field;
}
