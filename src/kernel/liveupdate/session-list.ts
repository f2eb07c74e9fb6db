import { KernelError } from '../error.js';
import type { SessionName } from './name.js';
import type { Session } from './session.js';

/** The sessions of one type, by name and in the order in which they came. */
export class SessionList {
  readonly #sessions = new Map<string, Session>();

  get all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(name: SessionName): Session | undefined {
    return this.#sessions.get(name.key);
  }

  /** @throws KernelError EEXIST where a session has the name */
  checkFree(name: SessionName): void {
    if (!this.#sessions.has(name.key)) return;
    throw new KernelError('EEXIST', `Cannot create session ${name}: there is one of that name`);
  }

  /** @throws KernelError EEXIST where a session has the name */
  insert(session: Session): void {
    this.checkFree(session.name);
    this.#sessions.set(session.name.key, session);
  }

  remove(session: Session): void {
    this.#sessions.delete(session.name.key);
  }
}
