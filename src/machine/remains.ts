/** What is left of a generation when it ends, and what was lost before. */
import type { IncomingFileState, Kernel, SessionFile } from '../kernel/kernel.js';
import type { EndEvent, LeftSession } from './events.js';
import { describeThrown } from './report.js';
import { nameText } from './session-status.js';

/** What another process must know of it that takes this one's place. */
export interface SavedRemains {
  readonly neverAsked: readonly (readonly [session: string, tokens: readonly string[]])[];
  readonly closed: readonly string[];
}

export class Remains {
  /** Tokens of files that were let go of and never asked for, by the session that they were in. */
  readonly #neverAsked: Map<string, readonly string[]>;
  readonly #closed: string[];
  /** Tokens of files that nobody asked for, by the session that was open until luo ended its programs. */
  readonly #heldToTheEnd = new Map<string, string[]>();
  #isEnding = false;

  constructor({ neverAsked, closed }: SavedRemains = { neverAsked: [], closed: [] }) {
    this.#neverAsked = new Map(neverAsked);
    this.#closed = [...closed];
  }

  get saved(): SavedRemains {
    return { neverAsked: [...this.#neverAsked], closed: this.#closed };
  }

  /** A file of the last kernel is let go of, and no program has asked for it. */
  lost(session: string, token: bigint): void {
    this.#neverAsked.set(session, [...(this.#neverAsked.get(session) ?? []), String(token)]);
  }

  /**
   * The last descriptor of a session is about to be closed. What a session of this generation preserved does not pass.
   */
  closed({ type, name, finished, incoming }: SessionFile['session']): void {
    const session = nameText(name.bytes);
    if (type === 'outgoing') this.#closed.push(session);
    else if (this.#isEnding && !finished) this.#heldToTheEnd.set(session, notRetrieved([...incoming.all()]));
  }

  /**
   * luo ends the programs from now on, who may take a moment for it. A session that one of them holds until then is left
   * behind, whether its descriptor is closed before the report or by the end of the last program.
   */
  endBegins(): void {
    this.#isEnding = true;
  }

  /** @param kernel its programs are gone, but for a kexec */
  report(kernel: Kernel, by: EndEvent['by']): Pick<EndEvent, 'left' | 'dropped' | 'leaks'> {
    const finished = [...this.#neverAsked]
      .filter(([session]) => !this.#heldToTheEnd.has(session))
      .map(([session, tokens]) => ({ session, retrieved: true, finished: true, notRetrieved: tokens }));
    try {
      const left = this.#left(kernel);
      const made = kernel.state().outgoing.map(({ name }) => nameText(name));
      // One that was closed and made again passes with a kexec.
      const dropped = by === 'kexec' ? this.#closed.filter((name) => !made.includes(name)) : [...this.#closed, ...made];
      // What the last kernel left, and what passes to the next one, is held by right.
      const leaks = by === 'exit' && left.length === 0 ? kernel.leaks() : [];
      return { left: [...left, ...finished], dropped: [...new Set(dropped)], leaks };
    } catch (error) {
      // A handler of somebody's may fail to tell the size of a file.
      return { left: finished, dropped: this.#closed, leaks: [`nobody knows what: ${describeThrown(error)}`] };
    }
  }

  #left(kernel: Kernel): LeftSession[] {
    const open = leftIn(kernel);
    const held = [...this.#heldToTheEnd]
      // Where a file could not be finished, the session stays.
      .filter(([name]) => open.every(({ session }) => session !== name))
      .map(([session, tokens]) => ({ session, retrieved: true, finished: false, notRetrieved: tokens }));
    return [...open, ...held];
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
      notRetrieved: notRetrieved(files),
    }));
}

function notRetrieved(files: readonly IncomingFileState[]): string[] {
  return files.filter(({ retrieved }) => !retrieved).map(({ token }) => String(token));
}
