/** The time in which a new generation has to show that it is good, before the last one is given up. */
import type { Exit } from '../host/processes.js';
import type { KexecReport, TrialRequest } from './control-protocol.js';
import type { CallEvent } from './events.js';
import { HealthCheck } from './health-check.js';
import type { NotifySocket } from './notify-socket.js';
import type { Recorder } from './recorder.js';
import { describeExit } from './report.js';
import type { Watcher } from './watcher.js';

export interface TrialParts {
  readonly watcher: Watcher;
  readonly recorder: Recorder;
  /** The trial closes it. */
  readonly socket: NotifySocket;
  readonly generation: number;
  /** The sessions that it took over, by the names that events have. */
  readonly sessions: readonly string[];
  /** The generation is good, and the report says what has shown it. */
  good(report: KexecReport): void;
  /** It is not. @param reason the rest of a sentence that begins with the generation */
  bad(reason: string): void;
}

/**
 * It is good when it says so by `READY=1` on its $NOTIFY_SOCKET (sd_notify(3)), or has finished all the sessions that it
 * took over. Where a command is given that tells, it alone counts. It is bad when its first program fails, all of its
 * programs have ended, or the time is over.
 */
export class Trial {
  /**
   * The sessions that it has finished, by FINISH: one whose descriptor is closed may have been so by a crash. Those that
   * it preserves anew, under their name, are none of them: it has not let go of what is in them.
   */
  readonly finished = new Set<string>();
  /** All that it has finished. */
  readonly #done = new Set<string>();
  readonly #request: TrialRequest;
  readonly #parts: TrialParts;
  #health: HealthCheck | undefined;
  #unwatch: (() => void) | undefined;
  /** When its time is over, on the clock of `performance`. */
  #end = 0;
  #begun = 0;
  #report: KexecReport | undefined;
  /** Why it is bad, where that is known before luo has seen its first program run. */
  #early: string | undefined;
  #status: string | undefined;
  #isOver = false;

  constructor(request: TrialRequest, parts: TrialParts) {
    this.#request = request;
    this.#parts = parts;
  }

  /** Its first program runs: what happens from now on counts. */
  begin(report: KexecReport): void {
    this.#report = report;
    this.#begun = performance.now();
    const { watcher, recorder } = this.#parts;
    this.#unwatch = recorder.watch((event) => {
      if (event.event === 'call' && event.error === undefined) this.#note(event);
    });
    watcher.watch(this.#parts.socket.fd, () => this.#hear());
    this.#end = this.#begun + this.#request.timeout;
    this.#awaitEnd();
    const { readyWhen, cwd } = this.#request;
    if (readyWhen !== undefined) {
      this.#health = new HealthCheck(readyWhen, cwd, watcher, () => this.#good(`"${readyWhen}" succeeded`));
      this.#health.begin();
    }
    if (this.#early !== undefined) this.#bad(this.#early);
  }

  /** Processes have ended. */
  reaped(exits: readonly Exit[]): void {
    this.#health?.reaped(exits);
  }

  /** The first program has ended by itself. One that leaves others behind, as a daemon does, may be good yet. */
  exited(exit: Exit): void {
    if (exit.code !== 0) this.#bad(`${describeExit(exit)} before it was ready`);
  }

  /** No program of it runs any more. */
  allEnded(): void {
    this.#bad('ended before it was ready');
  }

  /** Nobody looks any more, whatever it has come to. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unwatch?.();
    this.#health?.close();
    const { watcher, socket } = this.#parts;
    watcher.unwatch(socket.fd);
    socket.close();
  }

  #note({ call, session, generation }: CallEvent): void {
    const { sessions } = this.#parts;
    if (session === undefined || generation !== this.#parts.generation) return;
    if (call === 'PRESERVE_FD') this.finished.delete(session);
    if (call !== 'FINISH') return;
    this.finished.add(session);
    this.#done.add(session);
    if (this.#counts('finish') && sessions.every((one) => this.#done.has(one))) this.#good('all sessions finished');
  }

  /** Whether this may show that it is good. */
  #counts(sign: 'notify' | 'finish'): boolean {
    const { by = sign, readyWhen } = this.#request;
    return by === sign && readyWhen === undefined;
  }

  #hear(): void {
    for (let said = this.#parts.socket.receive(); said !== undefined; said = this.#parts.socket.receive()) {
      const { ready, status, extension } = said;
      this.#status = status ?? this.#status;
      if (extension !== undefined) this.#end = Math.max(this.#end, performance.now() + extension);
      if (ready && this.#counts('notify')) this.#good('READY=1');
    }
  }

  #awaitEnd(): void {
    this.#parts.watcher.after(Math.max(0, this.#end - performance.now()), () => {
      if (this.#isOver) return;
      if (performance.now() >= this.#end) this.#bad(`was not ready in ${this.#request.timeout / 1000} s`);
      else this.#awaitEnd();
    });
  }

  #good(by: string): void {
    if (this.#isOver) return;
    this.close();
    if (this.#report === undefined) throw new Error('Cannot end a trial that has not begun');
    this.#parts.good({ ...this.#report, ready: { milliseconds: performance.now() - this.#begun, by } });
  }

  #bad(reason: string): void {
    if (this.#isOver) return;
    if (this.#report === undefined) {
      this.#early ??= reason;
      return;
    }
    const { lastRun } = this.#health ?? {};
    const said = this.#status === undefined ? '' : `; it last said "${this.#status}"`;
    this.close();
    this.#parts.bad(reason + said + (lastRun === undefined ? '' : `; ${lastRun}`));
  }
}
