/** What a kernel holds, in the words of the control protocol. */
import { isUtf8 } from 'node:buffer';
import type { FileState, IncomingFileState, Kernel, KernelState } from '../kernel/kernel.js';
import type { FileStatus, MachineStatus, SessionStatus } from './control-protocol.js';

type Preserved = Pick<MachineStatus, 'state' | 'sessions' | 'files' | 'bytes' | 'sessionList'>;

/**
 * What a kernel holds: of its programs, and of the last kernel.
 *
 * @param kernel undefined before the first one has booted
 * @param detailed whether each session is wanted, too
 */
export function preservedBy(kernel: Kernel | undefined, detailed: boolean): Preserved {
  const state = kernel?.state() ?? nothing;
  const sessions = [...state.outgoing, ...state.incoming];
  return {
    state: state.state,
    sessions: sessions.length,
    files: sessions.reduce((sum, { files }) => sum + files.length, 0),
    bytes: String(state.preservedBytes),
    ...(detailed ? { sessionList: sessionsOf(state) } : {}),
  };
}

const nothing: Omit<KernelState, 'generation'> = { state: 'normal', outgoing: [], incoming: [], preservedBytes: 0n };

function sessionsOf({ outgoing, incoming }: Pick<KernelState, 'outgoing' | 'incoming'>): SessionStatus[] {
  return [
    ...outgoing.map(({ name, state, files }): SessionStatus => {
      return { ...named(name), direction: 'outgoing', state, retrieved: null, files: files.map(fileStatus) };
    }),
    ...incoming.map(({ name, state, retrieved, files }): SessionStatus => {
      return { ...named(name), direction: 'incoming', state, retrieved, files: files.map(fileStatus) };
    }),
  ];
}

function fileStatus(file: FileState | IncomingFileState): FileStatus {
  return {
    token: String(file.token),
    handler: file.compatible,
    bytes: file.size === undefined ? null : String(file.size),
    retrieved: 'retrieved' in file ? file.retrieved : null,
  };
}

/** A name as the protocol has it. */
export function named(bytes: Uint8Array): Pick<SessionStatus, 'name' | 'nameHex'> {
  return { name: nameText(bytes), nameHex: Buffer.from(bytes).toString('hex') };
}

/** The name of a session as text: UTF-8, or else with each byte that is not ASCII written `\xNN`. */
export function nameText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString('utf8');
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\x80-\xff]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
}
