/** What is held of a machine: the sum of the records of its journal. */
import type { Profile } from '../../kernel/kernel.js';
import type { Command } from '../command.js';

export type Direction = 'outgoing' | 'incoming';

/** What a generation runs, and what its kernel was started with. */
export interface Running {
  readonly generation: number;
  readonly command: Command;
  readonly profile: Profile;
  /** The paths of files with kernel modules. */
  readonly modules: readonly string[];
}

interface OfSession {
  readonly direction: Direction;
  /** The bytes of its name, two hexadecimal digits each. */
  readonly session: string;
}

/** A line of a journal. */
export type JournalRecord =
  /** A generation began: after a kexec it has what the one before preserved, else nothing that is not written after it. */
  | ({ readonly record: 'boot' | 'kexec' | 'resume' } & Running)
  /** A generation was given up: the one before it has these sessions again, by the bytes of their names. */
  | ({ readonly record: 'rollback'; readonly sessions: readonly string[] } & Running)
  | ({ readonly record: 'session' } & OfSession)
  | ({ readonly record: 'file' } & OfSession & HeldFile)
  | ({ readonly record: 'unpreserved'; readonly token: string } & OfSession)
  /** All its files were let go of; closed: it is gone, too. */
  | ({ readonly record: 'finished' | 'closed' } & OfSession)
  /** The machine ended as it should: nothing of it is held. */
  | { readonly record: 'ended' };

export interface HeldFile {
  /** Decimal. */
  readonly token: string;
  /** The name of the file handler. */
  readonly handler: string;
  /** What its descriptor is called in the vault; null for a file that cannot be held. */
  readonly vault: string | null;
}

export interface HeldSession extends OfSession {
  readonly files: ReadonlyMap<string, HeldFile>;
}

interface Session extends HeldSession {
  readonly files: Map<string, HeldFile>;
}

export class HeldState {
  running: Running | undefined;
  hasEnded = false;
  #sessions = new Map<string, Session>();

  /** Outgoing and incoming, each in the order of their creation. */
  get sessions(): HeldSession[] {
    return [...this.#sessions.values()];
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  find({ direction, session }: OfSession): HeldSession | undefined {
    return this.#sessions.get(keyOf(direction, session));
  }

  /** @returns the descriptors that nothing refers to any more */
  apply(record: JournalRecord): string[] {
    switch (record.record) {
      case 'boot':
        this.running = runningOf(record);
        return this.#dropAll(() => true);
      case 'kexec':
        this.running = runningOf(record);
        return this.#pass();
      case 'rollback':
        this.running = runningOf(record);
        return this.#goBack(new Set(record.sessions));
      case 'resume':
        this.running = runningOf(record);
        return [];
      case 'session':
        return this.#begin(record);
      case 'file':
        this.#sessionOf(record).files.set(record.token, {
          token: record.token,
          handler: record.handler,
          vault: record.vault,
        });
        return [];
      case 'unpreserved':
        return this.#drop(this.#sessionOf(record), [record.token]);
      case 'finished':
        // What the last kernel left is over once it is finished, though its name is not free yet.
        return record.direction === 'incoming' ? this.#close(record) : this.#empty(record);
      case 'closed':
        return this.#close(record);
      case 'ended':
        this.hasEnded = true;
        return this.#dropAll(() => true);
    }
  }

  /**
   * What the next machine finds, as after a kexec from this one: all that was preserved, in either direction. Where
   * both have a session of the same name, it is the outgoing one.
   */
  inherited(): { readonly sessions: readonly HeldSession[]; readonly hidden: readonly HeldSession[] } {
    const sessions = this.sessions;
    const hidden = sessions.filter(
      ({ direction, session }) => direction === 'incoming' && this.#sessions.has(keyOf('outgoing', session)),
    );
    return { sessions: sessions.filter((session) => !hidden.includes(session)), hidden };
  }

  /** The fewest records that come to this. */
  *records(): Generator<JournalRecord> {
    if (this.running !== undefined) yield { record: 'boot', ...this.running };
    for (const { direction, session, files } of this.#sessions.values()) {
      yield { record: 'session', direction, session };
      for (const file of files.values()) yield { record: 'file', direction, session, ...file };
    }
  }

  /** What outgoing sessions have is there for the next kernel, and what that one's own kernel left is gone. */
  #pass(isOver = ({ direction }: Session) => direction === 'incoming'): string[] {
    const gone = this.#dropAll(isOver);
    const passed = [...this.#sessions.values()].map((session): Session => ({ ...session, direction: 'incoming' }));
    this.#sessions = new Map(passed.map((session) => [keyOf('incoming', session.session), session]));
    return gone;
  }

  /** What was finished and preserved anew is as it was. */
  #goBack(wanted: ReadonlySet<string>): string[] {
    const gone = this.#dropAll(
      ({ direction, session }) =>
        !wanted.has(session) || (direction === 'outgoing' && this.#sessions.has(keyOf('incoming', session))),
    );
    return [...gone, ...this.#pass(() => false)];
  }

  #begin({ direction, session }: OfSession): string[] {
    const gone = this.#close({ direction, session });
    this.#sessions.set(keyOf(direction, session), { direction, session, files: new Map() });
    return gone;
  }

  #close({ direction, session }: OfSession): string[] {
    const gone = this.#empty({ direction, session });
    this.#sessions.delete(keyOf(direction, session));
    return gone;
  }

  #empty({ direction, session }: OfSession): string[] {
    const found = this.#sessions.get(keyOf(direction, session));
    return found === undefined ? [] : this.#drop(found, [...found.files.keys()]);
  }

  #drop({ files }: Session, tokens: readonly string[]): string[] {
    return tokens.flatMap((token) => {
      const { vault } = files.get(token) ?? {};
      files.delete(token);
      return typeof vault === 'string' ? [vault] : [];
    });
  }

  #dropAll(which: (session: Session) => boolean): string[] {
    return [...this.#sessions.values()].filter(which).flatMap((session) => this.#close(session));
  }

  #sessionOf({ direction, session }: OfSession): Session {
    const found = this.#sessions.get(keyOf(direction, session));
    if (found !== undefined) return found;
    const made: Session = { direction, session, files: new Map() };
    this.#sessions.set(keyOf(direction, session), made);
    return made;
  }
}

function keyOf(direction: Direction, session: string): string {
  return `${direction} ${session}`;
}

function runningOf({ generation, command, profile, modules }: Running): Running {
  return { generation, command, profile, modules };
}
