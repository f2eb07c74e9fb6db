/** What a machine writes down of its sessions, and puts away of their files, so that both outlive its process. */
import { SystemError } from '../../host/libc.js';
import type { Ledger, LedgerFile } from '../../kernel/kernel.js';
import { say } from '../report.js';
import { type Direction, HeldState, type JournalRecord, type Running } from './held-state.js';
import { Journal } from './journal.js';
import { isEnding, processOfThread } from './process-end.js';
import { fileName, journalName, latestJournal, nextFileNumber, type Vault, VaultError } from './vault.js';

type LedgerSession = Parameters<Ledger['created']>[0];

/** Handlers of serial ports, whose files mean something only on the machine that has the port. */
const serialHandlers: readonly string[] = ['tty-v1', 'ttys-v1'];

export interface MachineLedgerOptions {
  readonly vault: Vault;
  /** The names of what is in the vault already. */
  readonly names: Iterable<string>;
  /** Whether the first program of the generation has ended, or is about to. */
  firstIsEnding(): boolean;
}

/** What another process must know that goes on for this one: all of what is held is in the vault. */
export interface SavedLedger {
  readonly records: readonly JournalRecord[];
  readonly closed: readonly JournalRecord[];
  readonly names: readonly string[];
  readonly journalNumber: number;
  readonly nextFile: number;
  readonly owners: readonly (readonly [session: string, pid: number])[];
  readonly isLost: boolean;
}

export class MachineLedger {
  readonly #options: MachineLedgerOptions;
  readonly #state = new HeldState();
  readonly #names: Set<string>;
  #journal: Journal | undefined;
  #journalNumber: number;
  #nextFile: number;
  #generation = 0;
  /** The thread whose call is carried out. */
  #caller = 0;
  /** The processes that asked for the sessions that are open. */
  readonly #owners: Map<string, number>;
  /** Sessions that were closed as a program ended: what they had is let go of when others live on. */
  #closed: JournalRecord[] = [];
  #lost: boolean;

  constructor(options: MachineLedgerOptions, saved?: SavedLedger) {
    this.#options = options;
    this.#names = new Set(saved?.names ?? options.names);
    this.#journalNumber = saved?.journalNumber ?? latestJournal(this.#names)?.number ?? 0;
    this.#nextFile = saved?.nextFile ?? nextFileNumber(this.#names);
    this.#owners = new Map(saved?.owners);
    this.#lost = saved?.isLost ?? false;
    this.#closed = [...(saved?.closed ?? [])];
    for (const record of saved?.records ?? []) this.#state.apply(record);
  }

  get saved(): SavedLedger {
    return {
      records: [...this.#state.records()],
      closed: this.#closed,
      names: [...this.#names],
      journalNumber: this.#journalNumber,
      nextFile: this.#nextFile,
      owners: [...this.#owners],
      isLost: this.#lost,
    };
  }

  /** Goes on where another process was. The journal is a new one, which this process can write. */
  resume(generation: number): void {
    this.#generation = generation;
    this.#attempt(() => this.#beginJournal());
  }

  /** Whether nothing is preserved, in either direction. */
  get isEmpty(): boolean {
    return this.#state.isEmpty;
  }

  /** Nothing is held any more: the vault is gone, or refuses what it is given. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** What the kernel of a generation tells. One that does not run yet, or any more, tells nothing. */
  of(generation: number): Ledger {
    const only = (tell: () => void) => {
      if (generation === this.#generation) tell();
    };
    return {
      created: (session) => only(() => this.#created(session)),
      retrieved: (session) => only(() => this.#own(session)),
      preserved: (session, file) => only(() => this.#preserved(session, file)),
      unpreserved: (session, token) =>
        only(() => this.#write({ record: 'unpreserved', ...named(session), token: String(token) })),
      finished: (session) => only(() => this.#write({ record: 'finished', ...named(session) })),
      closed: (session) => only(() => this.#sessionClosed(session)),
    };
  }

  /** A thread makes a call that has to do with live update: its program goes on after whatever was closed. */
  called(thread: number): void {
    this.#caller = thread;
    if (this.#closed.length > 0 && !this.#options.firstIsEnding()) this.#settle();
  }

  /**
   * A generation begins, and there is no way back to the one before.
   *
   * @param inherited of a boot: what was held of the machine before this one, in its order
   */
  began(kind: 'boot' | 'kexec' | 'resume', running: Running, inherited: readonly JournalRecord[] = []): void {
    this.#settle();
    if (kind !== 'resume') this.#owners.clear();
    this.#generation = running.generation;
    const record: JournalRecord = { record: kind, ...running };
    if (kind !== 'boot') {
      this.#write(record);
      return;
    }
    for (const one of [record, ...inherited]) this.#state.apply(one);
    this.#attempt(() => this.#beginJournal());
    // What the journal before this one had alone.
    const kept = new Set([journalName(this.#journalNumber), ...this.#filesOfState()]);
    this.#remove([...this.#names].filter((name) => !kept.has(name)));
  }

  /**
   * A generation was given up, and its programs have ended: what they had is what the one before it had.
   *
   * @param sessions those that are there again, by the bytes of their names
   */
  wentBack(running: Running, sessions: readonly string[]): void {
    this.#closed = [];
    this.#owners.clear();
    this.#generation = running.generation;
    this.#write({ record: 'rollback', ...running, sessions });
  }

  /**
   * The machine ends.
   *
   * @param cleanly as it should: what it preserved is lost, as on a computer that is switched off. Else it stays.
   */
  end(cleanly: boolean): void {
    if (!cleanly) return;
    this.#write({ record: 'ended' });
    // The journal last: until then it says what the rest is.
    this.#remove([...this.#names].reverse().sort((a, b) => Number(a.startsWith('j')) - Number(b.startsWith('j'))));
  }

  #created(session: LedgerSession): void {
    this.#settle(({ session: name }) => name === named(session).session);
    this.#own(session);
    this.#write({ record: 'session', ...named(session) });
  }

  #own(session: LedgerSession): void {
    this.#owners.set(keyOf(session), processOfThread(this.#caller));
  }

  #preserved(session: LedgerSession, { token, compatible, descriptor }: LedgerFile): void {
    // The v5 series adds to incoming sessions, too, and does not pass it on.
    if (session.type !== 'outgoing') return;
    const isHeld = descriptor !== undefined && !serialHandlers.includes(compatible);
    const vault = isHeld ? fileName(this.#nextFile++) : null;
    if (vault !== null && descriptor !== undefined) this.#put(vault, descriptor);
    this.#write({ record: 'file', ...named(session), token: String(token), handler: compatible, vault });
  }

  /** A program that was killed has asked for nothing: what it had is held until there is a sign of life. */
  #sessionClosed(session: LedgerSession): void {
    const owner = this.#owners.get(keyOf(session));
    this.#owners.delete(keyOf(session));
    const record: JournalRecord = { record: 'closed', ...named(session) };
    const isDeath = this.#options.firstIsEnding() || (owner !== undefined && isEnding(owner));
    if (isDeath) this.#closed.push(record);
    else this.#write(record);
  }

  /** What was closed is over. */
  #settle(which: (record: { readonly session: string }) => boolean = () => true): void {
    const isMeant = (record: JournalRecord) => 'session' in record && which(record);
    const closed = this.#closed.filter(isMeant);
    this.#closed = this.#closed.filter((record) => !isMeant(record));
    for (const record of closed) this.#write(record);
  }

  #write(record: JournalRecord): void {
    const gone = this.#state.apply(record);
    this.#attempt(() => {
      this.#journal?.append(record);
      if (this.#journal?.isLong) this.#beginJournal();
    });
    this.#remove(gone);
  }

  /** A new journal with what there is takes the place of the one before, which is there until then. */
  #beginJournal(): void {
    const journal = new Journal(this.#state.records());
    const [last, number] = [this.#journalNumber, this.#journalNumber + 1];
    try {
      this.#options.vault.put(journalName(number), journal.descriptor);
    } catch (error) {
      journal.close();
      throw error;
    }
    this.#names.add(journalName(number));
    this.#journalNumber = number;
    // Whoever cannot be told to let go of it must not take it for the latest one.
    this.#journal?.append({ record: 'ended' });
    this.#journal?.close();
    this.#journal = journal;
    this.#remove([journalName(last)]);
  }

  #put(name: string, descriptor: number): void {
    this.#names.add(name);
    this.#attempt(() => this.#options.vault.put(name, descriptor));
  }

  #remove(names: readonly string[]): void {
    for (const name of names) {
      if (this.#names.delete(name)) this.#attempt(() => this.#options.vault.remove(name));
    }
  }

  #filesOfState(): string[] {
    return this.#state.sessions.flatMap(({ files }) => [...files.values()].flatMap(({ vault }) => vault ?? []));
  }

  /** What is held is not what the programs have preserved any more: better nothing comes back than that. */
  #giveUp(): void {
    try {
      this.#journal?.append({ record: 'ended' });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
  }

  /** The machine goes on without what cannot be held: nothing is lost for as long as its process lives. */
  #attempt(action: () => void): void {
    if (this.#lost) return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof VaultError || error instanceof SystemError)) throw error;
      this.#lost = true;
      this.#giveUp();
      say(
        `Cannot hold what the machine preserves: ${error.message}. The machine goes on, and what it preserves is there ` +
          'for as long as it runs; were it killed, nothing would come back',
      );
    }
  }
}

function named({ type, name }: LedgerSession): { direction: Direction; session: string } {
  return { direction: type, session: Buffer.from(name.bytes).toString('hex') };
}

function keyOf(session: LedgerSession): string {
  const { direction, session: name } = named(session);
  return `${direction} ${name}`;
}
