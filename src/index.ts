/**
 * Live update for programs of Node: the same on a Linux with a Live Update Orchestrator and on a machine of luo's.
 *
 *     import { LiveUpdate, Memfd, PersistentState } from 'luo';
 */

export { LiveUpdateError, type LiveUpdateOperation } from './client/error.js';
export { LiveUpdate } from './client/live-update.js';
export { type MapOptions, Memfd, type MemfdOptions } from './client/memfd.js';
export { notifyReady } from './client/notify-ready.js';
export type { Seal } from './client/seals.js';
export { LiveUpdateSession } from './client/session.js';
export { PersistentState, type PersistentStateOptions } from './client/state.js';
export { PersistentStateError, type PersistentStateErrorCode } from './client/state-error.js';
