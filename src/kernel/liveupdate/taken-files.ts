import type { File } from '../fs/file.js';
import type { FileHandler } from './handler.js';

/** What two open files have in common when they are the same file: the handler's word for it, or the open file. */
export type FileIdentity = string | File;

export function identityOf(handler: FileHandler, file: File): FileIdentity {
  return handler.identity === undefined ? file : handler.identity(file);
}

/** The files that are in a session: preserved, or retrieved and not finished (measured on Linux 7.3). */
export class TakenFiles {
  readonly #counts = new Map<FileIdentity, number>();

  has(identity: FileIdentity): boolean {
    return this.#counts.has(identity);
  }

  take(identity: FileIdentity): void {
    this.#counts.set(identity, (this.#counts.get(identity) ?? 0) + 1);
  }

  release(identity: FileIdentity): void {
    const count = this.#counts.get(identity) ?? 0;
    if (count > 1) this.#counts.set(identity, count - 1);
    else this.#counts.delete(identity);
  }

  get size(): number {
    return this.#counts.size;
  }
}
