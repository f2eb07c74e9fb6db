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
export type { TakenSocket } from './client/service/handed-sockets.js';
export type { ConnectionState } from './client/service/handing.js';
export type { Json } from './client/service/json.js';
export { listen, type Service, type ServiceOptions } from './client/service/listen.js';
export {
  type OnUpdateOptions,
  onUpdate,
  type PrepareForUpdate,
  type Undo,
  type UpdateSubscription,
} from './client/service/on-update.js';
export type { PassingOptions } from './client/service/plain-connections.js';
export { shareListeners } from './client/service/share-listeners.js';
export { takeOver, type Update } from './client/service/update.js';
export { LiveUpdateSession } from './client/session.js';
export { PersistentState, type PersistentStateOptions } from './client/state.js';
export { PersistentStateError, type PersistentStateErrorCode } from './client/state-error.js';
