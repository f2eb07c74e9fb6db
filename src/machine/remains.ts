/** What is left of a generation when it ends, and what was lost before. */
import type { Kernel } from '../kernel/kernel.js';
import type { EndEvent, LeftSession } from './events.js';
import { describeThrown } from './report.js';
import { nameText } from './session-status.js';

export class Remains {
  /** Tokens of files that were let go of and never asked for, by the session that they were in. */
  readonly #neverAsked = new Map<string, string[]>();
  readonly #closed: string[] = [];

  /** A file of the last kernel is let go of, and no program has asked for it. */
  lost(session: string, token: bigint): void {
    this.#neverAsked.set(session, [...(this.#neverAsked.get(session) ?? []), String(token)]);
  }

  /** The last descriptor of a session that this generation made is closed: what it preserved does not pass. */
  closed(session: string): void {
    this.#closed.push(session);
  }

  /** @param kernel its programs are gone, but for a kexec */
  report(kernel: Kernel, by: EndEvent['by']): Pick<EndEvent, 'left' | 'dropped' | 'leaks'> {
    const finished = [...this.#neverAsked].map(([session, notRetrieved]) => {
      return { session, retrieved: true, finished: true, notRetrieved };
    });
    try {
      const left = leftIn(kernel);
      const made = by === 'kexec' ? [] : kernel.state().outgoing.map(({ name }) => nameText(name));
      // What the last kernel left, and what passes to the next one, is held by right.
      const leaks = by === 'exit' && left.length === 0 ? kernel.leaks() : [];
      return { left: [...left, ...finished], dropped: [...this.#closed, ...made], leaks };
    } catch (error) {
      // A handler of somebody's may fail to tell the size of a file.
      return { left: finished, dropped: this.#closed, leaks: [`nobody knows what: ${describeThrown(error)}`] };
    }
  }
}

/** Sessions that the last kernel left and that are not finished. */
function leftIn(kernel: Kernel): LeftSession[] {
  return kernel
    .state()
    .incoming.filter(({ finished }) => !finished)
    .map(({ name, retrieved, files }) => ({
      session: nameText(name),
      retrieved,
      finished: false,
      notRetrieved: files.filter((file) => !file.retrieved).map(({ token }) => String(token)),
    }));
}
