/** What the workers of a cluster and their primary say to each other about listening sockets. */
import type { ListenOptions } from 'node:net';

/** Where a primary that shares sockets leaves its pid, for its workers to see. */
export const SHARING_PRIMARY = 'LUO_SHARING_PRIMARY';

/** What a worker says. The field tells these messages from those of the program. */
export interface WorkerMessage {
  readonly luo: 'listen' | 'again' | 'close';
  readonly name: string;
  readonly options: ListenOptions;
}

/** What it is answered; with the socket, where there is one. */
export interface PrimaryMessage {
  readonly luo: 'socket' | 'none' | 'failed';
  readonly name: string;
  /** The slot that the worker has, and those whose connections it takes over. */
  readonly slot?: number;
  readonly left?: readonly number[];
  readonly isTakenOver?: boolean;
  readonly error?: string;
  readonly code?: string | undefined;
}

/** Undefined for what is a message of the program. */
export function ofLuo<T extends WorkerMessage | PrimaryMessage>(message: unknown): T | undefined {
  const isOurs = typeof message === 'object' && message !== null && 'luo' in message && 'name' in message;
  // Programs have no reason to send such objects.
  return isOurs ? (message as T) : undefined;
}
