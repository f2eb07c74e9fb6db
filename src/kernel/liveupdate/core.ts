import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import type { FlbRecord, IncomingState, OutgoingState } from './abi.js';
import { Flbs } from './flbs.js';
import { SessionName } from './name.js';
import type { LiveUpdateParts } from './outgoing-files.js';
import { Session } from './session.js';
import { SessionList } from './session-list.js';

/** What a live update has done to the sessions: nothing yet, or all is frozen and written down. */
type Phase = 'running' | 'frozen';

/** The Live Update Orchestrator of one kernel: its sessions, and their way from the last kernel and to the next. */
export class LiveUpdate {
  readonly parts: LiveUpdateParts;
  readonly outgoing = new SessionList();
  readonly flbs: Flbs;
  readonly #state: OutgoingState;
  readonly #lastState: IncomingState | undefined;
  #incoming: SessionList | KernelError | undefined;
  #phase: Phase = 'running';
  /** What `freeze` has frozen: not the sessions that a program had frozen before. */
  #frozen: Session[] = [];
  /** Descriptors that were closed while all was frozen. */
  readonly #closedWhileFrozen: (() => void)[] = [];

  constructor(parts: LiveUpdateParts, state: OutgoingState, lastState: IncomingState | undefined) {
    this.parts = parts;
    this.flbs = new Flbs(parts.handlers, state, inheritedFlbs(parts, lastState));
    this.#state = state;
    this.#lastState = lastState;
  }

  /** `liveupdate-number`: how many live updates came before this kernel. */
  get number(): bigint {
    return this.#lastState?.number ?? 0n;
  }

  get isFrozen(): boolean {
    return this.#phase === 'frozen';
  }

  /**
   * The sessions that the last kernel left. They are read once, when they are first asked for; what cannot be read
   * then stays unread.
   *
   * @throws KernelError of what was wrong with them, the same each time
   */
  incoming(): SessionList {
    this.#incoming ??= this.#readIncoming();
    if (this.#incoming instanceof KernelError) throw this.#incoming;
    return this.#incoming;
  }

  /**
   * A new session that nobody holds yet.
   *
   * @param field the name as the program gave it
   * @throws KernelError EINVAL for a name that is empty or has no NUL, EEXIST for one that is taken, ENOMEM
   */
  createSession(field: Uint8Array): Session {
    const name = this.#newName(field);
    this.#state.reserve(this.outgoing.size + 1);
    const session = new Session(this.parts, 'outgoing', name, this.#state.newFileTable());
    this.outgoing.insert(session);
    this.parts.onlookers.ledger?.created(session);
    return session;
  }

  /**
   * A session of the last kernel, for the one program that may have it.
   *
   * @throws KernelError ENOENT where no session has the name, EINVAL where it was retrieved already
   */
  retrieveSession(field: Uint8Array): Session {
    const name = SessionName.before(field);
    const session = this.#incomingOrNone().find(name);
    if (session === undefined) {
      throw new KernelError('ENOENT', `Cannot retrieve session ${name}: the last kernel left none of that name`);
    }
    if (session.retrieved) {
      throw new KernelError('EINVAL', `Cannot retrieve session ${name}: it was retrieved already`);
    }
    session.retrieved = true;
    this.parts.onlookers.ledger?.retrieved(session);
    return session;
  }

  /** The last descriptor of a session is gone. While all is frozen, nothing happens before the freeze is undone. */
  closeSession(session: Session): void {
    if (this.isFrozen) {
      this.#closedWhileFrozen.push(() => this.closeSession(session));
      return;
    }
    if (!session.close()) return;
    if (session.type === 'outgoing') this.outgoing.remove(session);
    else this.incoming().remove(session);
    this.parts.onlookers.ledger?.closed(session);
  }

  /**
   * Freezes the files of each session and writes everything down for the next kernel (`liveupdate_reboot`).
   *
   * @throws KernelError of the handler that could not freeze; all is as before then
   */
  freeze(): void {
    if (this.isFrozen) throw new Error('Cannot freeze the sessions: they are frozen');
    const frozen: Session[] = [];
    try {
      for (const session of this.outgoing.all) {
        if (session.outgoing.isFrozen) continue;
        session.outgoing.freeze();
        frozen.push(session);
      }
    } catch (error) {
      for (const session of frozen.reverse()) session.outgoing.unfreeze();
      throw error;
    }
    const sessions = [...this.outgoing.all].map(({ name, outgoing }) => ({ name, table: outgoing.table }));
    this.#state.write(sessions, this.flbs.records);
    this.#frozen = frozen;
    this.#phase = 'frozen';
  }

  /** Undoes `freeze`, the last file of the last session first, and closes what was closed meanwhile. */
  unfreeze(): void {
    if (!this.isFrozen) throw new Error('Cannot unfreeze the sessions: they are not frozen');
    for (const session of this.#frozen.splice(0).reverse()) session.outgoing.unfreeze();
    this.#phase = 'running';
    for (const close of this.#closedWhileFrozen.splice(0)) close();
  }

  /**
   * The token that a file is preserved under (`liveupdate_get_token_outgoing`, patch 08).
   *
   * @throws KernelError ENOENT where the session does not preserve that open file
   */
  getTokenOutgoing(session: Session, file: File): bigint {
    const token = session.outgoing.tokenOf(file);
    if (token !== undefined) return token;
    throw new KernelError('ENOENT', `Cannot tell the token of ${file.description}: session ${session.name} has it not`);
  }

  /**
   * A file that the last kernel preserved, for the kernel itself (`liveupdate_get_file_incoming`, patch 08).
   *
   * @returns the open file without a reference for the caller: it is there until the session is finished
   * @throws KernelError as RETRIEVE_FD
   */
  getFileIncoming(session: Session, token: bigint): File {
    return session.incoming.retrieve(token);
  }

  /** The v5 series opens the device whatever it could read: there are no sessions then. */
  #incomingOrNone(): SessionList {
    try {
      return this.incoming();
    } catch (error) {
      if (error instanceof KernelError) return new SessionList();
      throw error;
    }
  }

  #readIncoming(): SessionList | KernelError {
    this.parts.handlers.close();
    const list = new SessionList();
    try {
      for (const { name, files } of this.#lastState?.readSessions() ?? []) {
        list.insert(new Session(this.parts, 'incoming', name, this.#state.newFileTable(), files));
      }
      for (const name of this.flbs.orphans) {
        this.parts.log('warning', `Cannot let go of the FLB "${name}" of the last kernel: no handler depends on it`);
      }
      return list;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      for (const session of list.all) session.incoming.abandon();
      this.parts.log('error', `Cannot read the sessions of the last kernel: ${error.message}`);
      return error;
    }
  }

  #newName(field: Uint8Array): SessionName {
    const name = SessionName.before(field);
    if (name.bytes.length === 0) throw new KernelError('EINVAL', 'Cannot create a session: the name is empty');
    if (name.bytes.length >= this.parts.rules.nameLength) {
      throw new KernelError(
        'EINVAL',
        `Cannot create session ${name}: no NUL in the first ${this.parts.rules.nameLength} bytes`,
      );
    }
    // Before room is made: a name that is taken leaves no trace.
    this.outgoing.checkFree(name);
    return name;
  }
}

/** What cannot be read is as good as not there: the files that depend on it say so when they are retrieved. */
function inheritedFlbs(parts: LiveUpdateParts, lastState: IncomingState | undefined): FlbRecord[] | undefined {
  try {
    return lastState?.readFlbs();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    parts.log('error', `Cannot read the FLBs of the last kernel: ${error.message}`);
    return [];
  }
}
