import type { Listener, Notification } from '../host/seccomp.js';
import type { KernelOptions } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import type { Command } from './command.js';
import type { KexecReport, KexecRequest, RecoveryReport, TrialRequest, WarmSettings } from './control-protocol.js';
import { say } from './report.js';
import type { EndKind } from './traps/trap.js';
import type { RebootOver } from './watched-calls.js';

/** What a live update carries over. */
export interface Carried {
  readonly sessions: number;
  readonly files: number;
  readonly bytes: bigint;
}

/** A change of generation: who asked for it, and what it has come to. */
export class Change {
  #begun = 0;
  #committed = false;
  /** What came back of a machine that was held, once this one has booted from it. */
  recovered: RecoveryReport | undefined;
  /** What was carried over, once a kexec has begun. */
  carried: Carried | undefined;
  /** What was asked for meanwhile of the same generation: it begins when this one is over. */
  waiting: Change | undefined;
  /** What the last generation ran, once that has been ended. */
  replaced: Command | undefined;

  constructor(
    /**
     * A resume runs another command on the same kernel, where the one that it was booted for could not be executed. A
     * rollback goes back to what ran before, with all that was handed over then.
     */
    readonly kind: 'boot' | 'resume' | 'rollback' | EndKind,
    readonly options: {
      /** What the next generation runs, where that is something new. */
      readonly command?: Command;
      /** What the next kernel is started with in place of what this one was started with. */
      readonly kernel?: Partial<KernelOptions>;
      /** The next program is started before: see WarmStart. */
      readonly warm?: WarmSettings;
      /** Awaited before a change with a warm program is carried out. Where it throws, nothing changes. */
      readonly prepare?: (() => Promise<void>) | undefined;
      /** Whether, and how, the next generation has to show that it is good. */
      readonly trial?: TrialRequest;
      /** The files that its modules are from, where those are new. */
      readonly modules?: readonly string[];
      /** The `reboot` that waits for the change. */
      readonly call?: {
        readonly notification: Notification;
        readonly listener: Listener;
        readonly over: RebootOver;
      };
      readonly succeeded?: (report: KexecReport) => void;
      readonly failed?: (error: Error) => void;
    } = {},
  ) {}

  /** Whether there is no way back any more: what it waits for is its program, and nothing else. */
  get isCommitted(): boolean {
    return this.#committed;
  }

  /** The blackout begins: the programs' last moment. */
  begin(): void {
    this.#begun = performance.now();
  }

  /** There is no way back: a `reboot` that asked for it does not come back. */
  commit(): void {
    this.#committed = true;
    this.waiting = undefined;
    this.options.call?.over();
  }

  /** Milliseconds since the blackout began. */
  get elapsed(): number {
    return performance.now() - this.#begun;
  }

  /** What has been done, at the moment at which the next program runs. */
  report(generation: number): KexecReport {
    const { sessions = 0, files = 0, bytes = 0n } = this.carried ?? {};
    return { generation, sessions, files, bytes: String(bytes), blackout: this.elapsed };
  }

  /** It is done. */
  complete(report: KexecReport): void {
    this.options.succeeded?.(report);
  }

  /**
   * It does not happen.
   *
   * @param code what the `reboot` returns, where one waits: a positive error number
   */
  refuse(error: Error, code: number): void {
    this.options.failed?.(error);
    const { call } = this.options;
    if (call === undefined) return;
    say(error.message);
    if (!this.#committed) call.over({ code, error });
    call.listener.respond(call.notification.id, -code);
  }

  /** It does not happen any more. */
  refuseAtEnd(): void {
    this.refuse(new Error('Cannot go on with the live update: the machine has ended'), errno.EIO);
  }

  /** It does not happen, because another one has begun. */
  refuseForAnother(): void {
    this.refuse(
      new Error('Cannot start a live update: another one is under way. Try again when it is done'),
      errno.EBUSY,
    );
  }
}

/**
 * What a live update brings that is new, but for the options of its kernel.
 *
 * @param running what runs: words of it that were not asked for stay
 */
export function newOf({ command = {}, kernel = {}, trial, warm }: KexecRequest, running: Command): Change['options'] {
  return {
    ...(Object.keys(command).length > 0 ? { command: { ...running, ...command } } : {}),
    ...(kernel.modules === undefined ? {} : { modules: kernel.modules }),
    ...(trial === undefined ? {} : { trial }),
    ...(warm === undefined ? {} : { warm }),
  };
}
