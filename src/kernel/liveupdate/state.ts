import { KernelError } from '../error.js';
import type { LiveUpdate } from './core.js';
import type { Session } from './session.js';

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
  readonly files: readonly FileState[];
}

export interface IncomingSessionState {
  readonly name: Uint8Array;
  /** Whether a program has it, or had it and it could not be finished. */
  readonly retrieved: boolean;
  readonly files: readonly IncomingFileState[];
}

export interface KernelState {
  /** `liveupdate-number`: how many live updates came before this kernel, 0 after a cold boot. */
  readonly generation: bigint;
  readonly outgoing: readonly SessionState[];
  /** Empty where what the last kernel left cannot be read. */
  readonly incoming: readonly IncomingSessionState[];
  /** Bytes of the files that would pass to the next kernel now. */
  readonly preservedBytes: bigint;
}

/** What a person sees of the sessions. */
export function stateOf(liveUpdate: LiveUpdate): KernelState {
  const outgoing = [...liveUpdate.outgoing.all].map(({ name, outgoing: files }) => ({
    name: name.bytes.slice(),
    files: [...files.all].map(({ token, handler, preserved }) => ({
      token,
      compatible: handler.compatible,
      size: preserved.size,
    })),
  }));
  const sizes = outgoing.flatMap(({ files }) => files.map(({ size }) => size ?? 0n));
  return {
    generation: liveUpdate.number,
    outgoing,
    incoming: incomingSessions(liveUpdate).map(({ name, retrieved, incoming }) => ({
      name: name.bytes.slice(),
      retrieved,
      files: [...incoming.all()],
    })),
    preservedBytes: sizes.reduce((sum, size) => sum + size, 0n),
  };
}

function incomingSessions(liveUpdate: LiveUpdate): Session[] {
  try {
    return [...liveUpdate.incoming().all];
  } catch (error) {
    if (error instanceof KernelError) return [];
    throw error;
  }
}
