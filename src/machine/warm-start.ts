/**
 * A program that is started before its generation, while the last one still serves. It waits in its first call that only
 * the next kernel can answer, which as a rule is its open of /dev/liveupdate: then the live update begins.
 */
import { EPOLLIN } from '../host/epoll.js';
import type { Exit } from '../host/processes.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { errno } from '../uapi/errno.js';
import type { Command } from './command.js';
import type { Generation } from './generation.js';
import { type Launcher, LauncherError } from './launcher.js';
import { LiveUpdateError } from './live-update.js';
import { isRefusal, type Refusal } from './refusal.js';
import { withReserve } from './reserve.js';
import { signalName } from './signals.js';
import type { SuccessionParts } from './succession-parts.js';

export interface WarmStartOptions {
  /** That becomes the program; nobody else watches it any more. */
  readonly launcher: Launcher;
  readonly listener: Listener;
  readonly file: string;
  readonly command: Command;
  /** How long the program may take until it waits. Milliseconds. */
  readonly timeout: number;
  /** Called once, when the program waits. What it throws is why it waits in vain. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Called once, when the program waits and all is prepared: see `handOver`. */
  readonly waits: () => void;
  /** Called once where it will never wait. Nothing has changed then, but that `end` is to be called. */
  readonly failed: (refusal: Refusal) => void;
}

/** The rest of the machine, as far as it has to do with it. */
type WarmStartParts = Pick<SuccessionParts, 'watcher' | 'programs' | 'stage' | 'events'>;

/** Marks are above what anybody would set, and all different. */
let lastMark = 1n << 62n;

const UNCHANGED = 'Nothing was frozen, and everything goes on';

export class WarmStart {
  readonly launcher: Launcher;
  readonly listener: Listener;
  readonly file: string;
  readonly command: Command;
  readonly #parts: WarmStartParts;
  readonly #options: WarmStartOptions;
  /** The generation that runs, and answers what can be answered before the next one. */
  readonly #last: Generation;
  readonly #mark: bigint;
  /** The calls that it waits in. */
  readonly #held: Notification[] = [];
  #isProgram = false;
  #isOver = false;

  /** Starts the program. There must be a generation that runs. */
  constructor(parts: WarmStartParts, options: WarmStartOptions) {
    const { watcher, programs, stage, events } = parts;
    const { launcher, listener, file, command, timeout } = options;
    if (stage.generation === undefined) throw new Error('Cannot start a program warm: no generation runs');
    this.#last = stage.generation;
    this.#parts = parts;
    this.#options = options;
    this.launcher = launcher;
    this.listener = listener;
    this.file = file;
    this.command = command;
    lastMark += 1n;
    this.#mark = lastMark;
    events.warm?.(listener.fd);
    programs.spare(launcher.pid, this.#mark);
    watcher.watch(launcher.socket, () => this.#attempt(() => this.#becomeProgram()));
    watcher.watchListener(listener.fd, (events) => this.#serve(events));
    watcher.after(timeout, () => {
      if (this.#held.length === 0) this.#fail(this.#late());
    });
    launcher.execute({ file, ...command, mark: String(this.#mark) });
  }

  /** Whatever has ended: the program may be among them. Where it has exited with 0, what it started may still wait. */
  reaped(exits: readonly Exit[]): void {
    const { launcher } = this;
    const exit = exits.find(({ pid }) => pid === launcher.pid);
    if (exit === undefined) return;
    launcher.exit = exit;
    if (exit.code !== 0) this.#endedEarly();
  }

  /**
   * Hands the program over to its generation, which begins with that. The last one must have ended.
   *
   * @returns answers the calls that it waits in
   */
  handOver(generation: Generation): () => void {
    const held = this.#held;
    if (held.length === 0) throw new Error('Cannot hand over a program that does not wait');
    this.#isOver = true;
    this.#parts.watcher.unwatch(this.listener.fd);
    this.#parts.stage.beginWarm(generation, this.launcher);
    return () => {
      for (const call of held) generation.answer(call);
    };
  }

  /** Ends the program, and all that it has started. */
  end(): void {
    this.#isOver = true;
    const { watcher, programs } = this.#parts;
    watcher.unwatch(this.listener.fd);
    if (!this.#isProgram) watcher.unwatch(this.launcher.socket);
    withReserve(() => programs.endSpared(this.launcher.pid, this.#mark));
    if (this.#isProgram) this.listener.close();
    else this.launcher.dismiss();
  }

  #serve(events: number): void {
    if ((events & EPOLLIN) === 0) {
      // The last of its threads is gone.
      this.#parts.watcher.unwatch(this.listener.fd);
      this.#endedEarly();
      return;
    }
    const call = this.listener.receive();
    if (call === undefined || this.#last.answerGuest(call, this.listener)) return;
    this.#attempt(() => {
      // Whoever makes such a call is a program, though its launcher may not have told yet.
      this.#becomeProgram();
      this.#held.push(call);
      if (this.#held.length === 1) this.#waits();
    });
  }

  #waits(): void {
    const { prepare, waits } = this.#options;
    if (prepare === undefined) {
      waits();
      return;
    }
    prepare().then(
      () => this.#attempt(() => !this.#isOver && waits()),
      (error: unknown) =>
        this.#attempt(() => {
          throw error;
        }),
    );
  }

  #becomeProgram(): void {
    if (this.#isProgram) return;
    this.#parts.watcher.unwatch(this.launcher.socket);
    // From here on its socket is closed.
    this.#isProgram = true;
    try {
      this.launcher.becomeProgram();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      throw new LiveUpdateError(`${error.message}. ${UNCHANGED}`, errno.EIO);
    }
  }

  #endedEarly(): void {
    // One that has not become a program tells why on its socket.
    this.#attempt(() => {
      this.#becomeProgram();
      this.#fail(this.#ended());
    });
  }

  #attempt(action: () => void): void {
    try {
      withReserve(action);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#fail(error);
    }
  }

  #fail(refusal: Refusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.failed(refusal);
  }

  #ended(): LiveUpdateError {
    const { signal, code } = this.launcher.awaitExit();
    const how = signal === undefined ? `exited with ${code ?? 0}` : `was ended by ${signalName(signal)}`;
    return new LiveUpdateError(
      `Cannot start a live update: ${this.#name} ${how} before it opened /dev/liveupdate: see what it has said. ${UNCHANGED}`,
      errno.EIO,
    );
  }

  #late(): LiveUpdateError {
    const { timeout } = this.#options;
    const who = this.launcher.exit === undefined ? this.#name : `${this.#name} exited with 0, and what it started`;
    return new LiveUpdateError(
      `Cannot start a live update: ${who} has not opened /dev/liveupdate in ${timeout / 1000} s, and was ended. ` +
        '--warm is for programs that open it once they are ready to take over: give this one more time ' +
        `(--warm-timeout), or leave --warm out. ${UNCHANGED}`,
      errno.EIO,
    );
  }

  get #name(): string {
    return `"${this.command.argv[0]}"`;
  }
}
