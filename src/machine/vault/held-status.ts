/** What is held of a machine that does not run, in the words of the control protocol. */
import { fstatSync } from 'node:fs';
import type { MachineConfig } from '../config.js';
import type { FileStatus, MachineStatus, SessionStatus } from '../control-protocol.js';
import { named } from '../session-status.js';
import type { HeldDescriptors } from './held-descriptors.js';
import type { HeldFile, HeldSession } from './held-state.js';

/** How much is held. */
export interface Weight {
  readonly sessions: number;
  readonly files: number;
  readonly bytes: bigint;
}

export function weighHeld(held: HeldDescriptors): Weight {
  const sessions = held.state()?.sessions ?? [];
  const files = sessions.flatMap((session) => [...session.files.values()]);
  return {
    sessions: sessions.length,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + (sizeOf(file, held) ?? 0n), 0n),
  };
}

/** @param detailed whether each session is wanted, too */
export function heldStatus(config: MachineConfig, held: HeldDescriptors, detailed: boolean): MachineStatus {
  const state = held.state();
  const { sessions, files, bytes } = weighHeld(held);
  return {
    name: config.name,
    pid: process.pid,
    generation: state?.running?.generation ?? 0,
    argv: config.command.argv,
    detached: config.detached,
    processes: 0,
    abi: config.profile,
    modules: [],
    state: 'held',
    sessions,
    files,
    bytes: String(bytes),
    startedAt: Math.round(performance.timeOrigin),
    ...(detailed ? { sessionList: (state?.sessions ?? []).map((session) => sessionStatus(session, held)) } : {}),
  };
}

function sessionStatus({ direction, session, files }: HeldSession, held: HeldDescriptors): SessionStatus {
  const retrieved = direction === 'incoming' ? false : null;
  return {
    ...named(Buffer.from(session, 'hex')),
    direction,
    state: direction === 'incoming' ? 'updated' : 'prepared',
    retrieved,
    files: [...files.values()].map((file): FileStatus => {
      const bytes = sizeOf(file, held);
      const { token, handler } = file;
      return { token, handler, bytes: bytes === undefined ? null : String(bytes), retrieved };
    }),
  };
}

/** Undefined for what cannot be held. */
function sizeOf({ vault }: HeldFile, held: HeldDescriptors): bigint | undefined {
  const descriptor = vault === null ? undefined : held.all.get(vault);
  return descriptor === undefined ? undefined : fstatSync(descriptor, { bigint: true }).size;
}
