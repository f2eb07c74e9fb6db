import { KernelError } from '../error.js';
import type { LiveUpdate } from './core.js';
import type { Session } from './session.js';

/**
 * Where something is on its way, in the words of the v5 series: nothing is preserved, files are preserved, they are
 * frozen for the next kernel, or the last kernel left them.
 */
export type LiveUpdateState = 'normal' | 'prepared' | 'frozen' | 'updated';

export interface FileState {
  readonly token: bigint;
  readonly compatible: string;
  /** In bytes; undefined where the handler cannot tell, or not before the file was asked for. */
  readonly size: bigint | undefined;
}

export interface IncomingFileState extends FileState {
  readonly retrieved: boolean;
}

export interface SessionState {
  /** The name as the program gave it: bytes without the NUL, in no particular encoding. */
  readonly name: Uint8Array;
  readonly state: LiveUpdateState;
  readonly files: readonly FileState[];
}

export interface IncomingSessionState {
  readonly name: Uint8Array;
  readonly state: LiveUpdateState;
  /** Whether a program has it, or had it and it could not be finished. */
  readonly retrieved: boolean;
  /** Whether it was finished. It is there until its descriptor is closed. */
  readonly finished: boolean;
  readonly files: readonly IncomingFileState[];
}

export interface KernelState {
  /** `liveupdate-number`: how many live updates came before this kernel, 0 after a cold boot. */
  readonly generation: bigint;
  /** Of all sessions together: `frozen` before `updated` before `prepared`. */
  readonly state: LiveUpdateState;
  readonly outgoing: readonly SessionState[];
  /** Empty where what the last kernel left cannot be read. */
  readonly incoming: readonly IncomingSessionState[];
  /** Bytes of the files that would pass to the next kernel now. */
  readonly preservedBytes: bigint;
}

/** What a person sees of the sessions. */
export function stateOf(liveUpdate: LiveUpdate): KernelState {
  const outgoing = [...liveUpdate.outgoing.all].map((session) => ({
    name: session.name.bytes.slice(),
    state: sessionState(session),
    files: [...session.outgoing.all].map(({ token, registered, size }) => ({
      token,
      compatible: registered.handler.compatible,
      size,
    })),
  }));
  const sizes = outgoing.flatMap(({ files }) => files.map(({ size }) => size ?? 0n));
  const incoming = incomingSessions(liveUpdate).map((session) => ({
    name: session.name.bytes.slice(),
    state: sessionState(session),
    retrieved: session.retrieved,
    finished: session.finished,
    files: [...session.incoming.all()],
  }));
  return {
    generation: liveUpdate.number,
    state: machineState(liveUpdate),
    outgoing,
    incoming,
    preservedBytes: sizes.reduce((sum, size) => sum + size, 0n),
  };
}

/** A session that was finished is as one that has nothing yet, whatever side it is of. */
export function sessionState({ incoming, outgoing }: Session): LiveUpdateState {
  if (outgoing.isFrozen) return 'frozen';
  if (incoming.size > 0) return 'updated';
  return outgoing.size > 0 ? 'prepared' : 'normal';
}

/** Of all sessions together. Sessions that were frozen one by one do not make all of it frozen. */
export function machineState(liveUpdate: LiveUpdate): LiveUpdateState {
  if (liveUpdate.isFrozen) return 'frozen';
  const states = new Set([...incomingSessions(liveUpdate), ...liveUpdate.outgoing.all].map(sessionState));
  if (states.has('updated')) return 'updated';
  return states.has('prepared') || states.has('frozen') ? 'prepared' : 'normal';
}

function incomingSessions(liveUpdate: LiveUpdate): Session[] {
  try {
    return [...liveUpdate.incoming().all];
  } catch (error) {
    if (error instanceof KernelError) return [];
    throw error;
  }
}
