import type { HandedSocket, TakenSocket } from './handed-sockets.js';

/** The connections of a server, from one generation to the next. */
export interface Connections {
  /**
   * Brings them to rest, when nothing new is accepted any more.
   *
   * @param signal aborted where the update does not happen
   * @returns those that the next generation goes on with; all others have ended, or are the program's own
   */
  drain(signal: AbortSignal): Promise<readonly HandedSocket[]>;
  /** The update does not happen: they go on. */
  resume(): void;
  /** Goes on with one that the last generation handed over. */
  adopt(taken: TakenSocket): void;
}
