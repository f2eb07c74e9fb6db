/** Programs that are told before a live update replaces them, and that are waited for. */
import { errno } from '../uapi/errno.js';
import type { UpdateMessage } from './control-protocol.js';
import { LiveUpdateError } from './live-update.js';

/** How long programs may take where nobody said it. Milliseconds. */
export const DRAIN_TIMEOUT = 30_000;

/** How often it is looked whether a new generation has taken over what the last one left. Milliseconds. */
const LOOK_INTERVAL = 10;

const GOES_ON = '. Nothing was frozen, and everything goes on';

/** A program that wants to know. */
export interface Subscriber {
  /** As the program says; a socket of Node does not tell it. */
  readonly pid: number | undefined;
  send(message: UpdateMessage): void;
}

/** For how long a live update waits, and for whom. */
export interface Patience {
  /** Milliseconds. */
  readonly timeout?: number;
  /** Aborted when nobody waits for the live update any more. */
  readonly asked?: AbortSignal | undefined;
}

/** A live update that waits. */
interface Round {
  readonly number: number;
  /** Those that were told and are not ready; undefined where nobody was told yet. */
  readonly unready: Set<Subscriber> | undefined;
  /** Milliseconds that each of them has from the beginning. */
  readonly timeout: number;
  readonly ready: () => void;
  readonly refuse: (error: LiveUpdateError) => void;
}

/** What the updates need to know of the machine. */
export interface UpdatesParts {
  /** Calls back once the milliseconds are over. */
  after(milliseconds: number, action: () => void): void;
  /** Whether nothing is left of what the last generation preserved that a program could still take. */
  hasTakenOver(): boolean;
  /** Whether there is such a process. */
  isAlive(pid: number): boolean;
  /** Whether an update ends it: one that was started for the next generation goes on. */
  isReplaced(pid: number): boolean;
}

/** The programs of the generation that runs, and the live update that they get ready for. */
export class Updates {
  readonly #parts: UpdatesParts;
  readonly #subscribers = new Set<Subscriber>();
  #round: Round | undefined;
  /** Whether an update is under way: announced, or being carried out. */
  #busy = false;
  #rounds = 0;
  /** A program that will subscribe is on its way, maybe to take over first what the last generation handed over. */
  #isYoung = false;

  constructor(parts: UpdatesParts) {
    this.#parts = parts;
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.size > 0;
  }

  /** Programs that have subscribed in another process, in whose place this one is, do so again: updates wait for them. */
  expect(): void {
    this.#isYoung = true;
  }

  /** From now on it is told. Where an update has been announced, it waits for this program, too. */
  subscribe(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    subscriber.send({ update: 'subscribed' });
    const round = this.#round;
    if (round?.unready === undefined || !this.#isReplaced(subscriber)) return;
    round.unready.add(subscriber);
    subscriber.send({ update: 'prepare', number: round.number, timeout: round.timeout });
  }

  /**
   * It may be replaced.
   *
   * @param number which update it is ready for; the one that is under way, by default. It may answer an earlier one late
   */
  prepared(subscriber: Subscriber, number = this.#round?.number): void {
    if (number === this.#round?.number) this.#isReady(subscriber);
  }

  /** It says why it cannot be replaced now. */
  unprepared(subscriber: Subscriber, reason: string, number = this.#round?.number): void {
    if (number !== this.#round?.number || !this.#round?.unready?.has(subscriber)) return;
    this.#refuse(`${describe([subscriber])} cannot be replaced now: ${reason}${GOES_ON}`);
  }

  /** Its connection has ended: nobody is there who could lose anything. */
  leave(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    this.#isReady(subscriber);
  }

  /** Another generation begins, whoever asked for it: the programs that subscribed are gone. */
  generationBegan(): void {
    const gone = [...this.#subscribers].filter(({ pid }) => pid === undefined || !this.#parts.isAlive(pid));
    // A program that was started before its generation has subscribed by now, maybe, and is there.
    for (const one of gone) this.#subscribers.delete(one);
    this.#isYoung = gone.length > 0;
    this.#refuse('another one came first. Try again');
  }

  /**
   * Carries out an update. Where it does not happen, the programs that were told of it are told that, too.
   *
   * @param carryOut is to await `prepare` before anything changes: it resolves when all programs are ready, and throws a
   * LiveUpdateError where one is not in time
   * @throws LiveUpdateError where another update is under way; what `carryOut` throws
   */
  async during<T>(patience: Patience, carryOut: (prepare: () => Promise<void>) => Promise<T>): Promise<T> {
    if (this.#busy) {
      throw new LiveUpdateError(
        'Cannot start a live update: another one is under way. Try again when it is done',
        errno.EBUSY,
      );
    }
    this.#busy = true;
    const number = ++this.#rounds;
    try {
      return await carryOut(() => this.#prepare(number, patience));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const subscriber of this.#subscribers) subscriber.send({ update: 'cancelled', number, reason });
      throw error;
    } finally {
      this.#busy = false;
      // What was carried out may have failed while it was waited for programs.
      this.#round = undefined;
    }
  }

  async #prepare(number: number, patience: Patience): Promise<void> {
    if (this.#isYoung) await this.#wait(number, patience);
    this.#isYoung = false;
    const replaced = new Set([...this.#subscribers].filter((one) => this.#isReplaced(one)));
    if (replaced.size > 0) await this.#wait(number, patience, replaced);
  }

  #isReplaced({ pid }: Subscriber): boolean {
    return pid === undefined || this.#parts.isReplaced(pid);
  }

  /**
   * Waits until all are ready, or, where nobody is told, until this generation has taken over what the last one handed
   * over: an update that came sooner would lose it.
   */
  async #wait(number: number, { timeout = DRAIN_TIMEOUT, asked }: Patience, unready?: Set<Subscriber>): Promise<void> {
    try {
      await new Promise<void>((ready, refuse) => {
        const round: Round = { number, unready, timeout, ready, refuse };
        this.#round = round;
        const interrupt = () => this.#refuse('who asked for it waits no more');
        if (asked?.aborted) interrupt();
        asked?.addEventListener('abort', interrupt, { once: true });
        this.#parts.after(timeout, () => this.#timeIsOver(round));
        if (unready === undefined) this.#look(round);
        else for (const { send } of unready) send({ update: 'prepare', number, timeout });
      });
    } finally {
      this.#round = undefined;
    }
  }

  #look(round: Round): void {
    if (round !== this.#round) return;
    if (this.#subscribers.size > 0 && this.#parts.hasTakenOver()) round.ready();
    else this.#parts.after(LOOK_INTERVAL, () => this.#look(round));
  }

  #isReady(subscriber: Subscriber): void {
    const { unready, ready } = this.#round ?? {};
    if (unready?.delete(subscriber) && unready.size === 0) ready?.();
  }

  #timeIsOver(round: Round): void {
    if (round !== this.#round) return;
    const { unready, timeout } = round;
    // What nobody has taken by now, nobody may want.
    if (unready === undefined) round.ready();
    else
      this.#refuse(
        `${describe([...unready])} ${unready.size === 1 ? 'was' : 'were'} not ready to be replaced within ${timeout / 1000} s${GOES_ON}. Give more time: luo kexec --drain-timeout=SECONDS`,
      );
  }

  #refuse(why: string): void {
    this.#round?.refuse(new LiveUpdateError(`Cannot start a live update: ${why}`, errno.EBUSY));
  }
}

/** Who is meant, and the verb. */
function describe(subscribers: readonly Subscriber[]): string {
  const pids = subscribers.flatMap(({ pid }) => pid ?? []);
  const nameless = subscribers.length - pids.length;
  const named = pids.length === 0 ? [] : [`${pids.length === 1 ? 'process' : 'processes'} ${pids.join(', ')}`];
  const others =
    nameless === 0 ? [] : [`${nameless === 1 ? 'a program' : `${nameless} programs`} that did not say a pid`];
  return [...named, ...others].join(' and ');
}
