/** A machine: its programs, and the generations of the kernel that serve them, one after the other. */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { KernelOptions } from '../kernel/kernel.js';
import { Change, newOf } from './change.js';
import { Chronicle } from './chronicle.js';
import { findExecutable } from './command.js';
import type { MachineConfig, MachineEvents, Outcome } from './config.js';
import type { KexecReport, KexecRequest, MachineStatus } from './control-protocol.js';
import { FirstExit } from './first-exit.js';
import { createHardware, type MachineHardware, type MakePorts } from './host-hardware.js';
import { newOptions } from './kernel-options.js';
import { statusOf } from './machine-status.js';
import { createPlaceholder } from './placeholder.js';
import { PowerSwitch } from './power-switch.js';
import { Programs } from './programs.js';
import { describeRest, say } from './report.js';
import { keepReserve } from './reserve.js';
import { asksToEnd } from './signals.js';
import { Stage } from './stage.js';
import { Succession } from './succession.js';
import { Terminal } from './terminal.js';
import { Updates } from './updates.js';
import type { Resumed } from './upgrade/resume.js';
import { Upgrade } from './upgrade/upgrade.js';
import { MachineLedger } from './vault/machine-ledger.js';
import { Recovery } from './vault/recovery.js';
import type { Vault } from './vault/vault.js';
import { Watcher } from './watcher.js';

/** What outlives the process of a machine. */
export interface Kept {
  readonly vault: Vault;
  /** What the one before has left there, by its names in the vault. */
  readonly held: ReadonlyMap<string, number>;
}

export class Machine {
  /** Tells all that happens. */
  readonly chronicle: Chronicle;
  /** What is the same for all generations. */
  readonly hardware: MachineHardware;
  /** Its way to another luo. */
  readonly upgrade: Upgrade;
  readonly #config: MachineConfig;
  readonly #watcher = new Watcher();
  /** Programs that want to know before a live update replaces them. */
  readonly updates = new Updates({
    after: (milliseconds, action) => this.#watcher.after(milliseconds, action),
    hasTakenOver: () => this.#stage.generation?.hasTakenOver ?? true,
    isAlive: (pid) => existsSync(`/proc/${pid}`),
    isReplaced: (pid) => !this.#programs.isSpared(pid),
  });
  readonly #programs = new Programs();
  readonly #firstExit: FirstExit;
  readonly #power = new PowerSwitch({
    loaded: () => this.imageLoaded(),
    ended: (kind, notification, over) => {
      const listener = this.#stage.generation?.listener;
      if (listener !== undefined)
        this.#succession.request(new Change(kind, { call: { notification, listener, over } }));
    },
  });
  readonly #ledger: MachineLedger | undefined;
  readonly #stage: Stage;
  readonly #succession: Succession;
  /** How many live updates are asked for that have not come to the succession yet. */
  #asked = 0;
  #hasKeeper = true;
  /** Somebody asked for the end. */
  #isStopped = false;
  #outcome: Outcome | undefined;

  /**
   * @param kept where what it preserves outlives this process, and what was there before; nothing does by default
   * @param resumed of a machine whose programs run already
   */
  constructor(config: MachineConfig, events: MachineEvents, makePorts?: MakePorts, kept?: Kept, resumed?: Resumed) {
    this.#config = config;
    const saved = resumed?.state;
    this.hardware = createHardware(this.#watcher, makePorts);
    const recovery = kept === undefined ? undefined : Recovery.of(kept.held);
    this.#ledger =
      kept &&
      new MachineLedger(
        { vault: kept.vault, names: kept.held.keys(), firstIsEnding: () => this.#programs.firstIsEnding() },
        saved?.ledger,
      );
    this.chronicle = new Chronicle(config, {
      ledger: this.#ledger,
      victims: {
        kill_agent: () => this.#programs.firstPid,
        kill_machine: () => process.pid,
        kill_keeper: () => events.keeper?.(),
      },
      saved,
    });
    this.#firstExit = new FirstExit(this.#programs, this.#watcher, {
      exited: (exit) => {
        this.chronicle.programExited(this.#stage.generation, exit);
        this.#succession.exited(exit);
        events.exited?.(exit);
      },
      stays: (exit, left) => say(describeRest(config.name, this.#succession.running.command.argv[0] ?? '', exit, left)),
    });
    const parts = {
      config,
      watcher: this.#watcher,
      programs: this.#programs,
      hardware: this.hardware,
      chronicle: this.chronicle,
      power: this.#power,
      terminal: new Terminal(saved?.terminal === undefined ? undefined : Buffer.from(saved.terminal, 'hex')),
    };
    this.#stage = new Stage({
      ...parts,
      strict: config.strict,
      serial: this.hardware.ports,
      placeholder: createPlaceholder(config.directory),
      watching: this.chronicle,
      begun: (listener, generation) => {
        this.updates.generationBegan();
        events.begun(listener, generation);
      },
      over: () => {
        this.#reap();
        this.#endIfOver();
      },
    });
    this.#succession = new Succession({
      ...parts,
      stage: this.#stage,
      events,
      recovery,
      end: (outcome) => this.#end(outcome),
      hasEnded: () => this.#outcome !== undefined,
      idle: () => {
        this.#firstExit.look();
        this.#endIfOver();
      },
    });
    this.upgrade = new Upgrade({
      ...parts,
      stage: this.#stage,
      resumed,
      firstExit: this.#firstExit,
      succession: this.#succession,
      updates: this.updates,
      ledger: this.#ledger,
      obstacle: () => this.#obstacle(),
    });
  }

  /** Boots the machine and serves it until it has ended. No process of it is left then. */
  async run(): Promise<Outcome> {
    keepReserve();
    const reap = () => this.#reap();
    process.on('SIGCHLD', reap);
    if (this.upgrade.resume(() => this.status())) this.#reap();
    else this.#succession.boot();
    while (this.#outcome === undefined) await this.#watcher.round();
    this.#succession.close();
    this.upgrade.close();
    this.chronicle.end(this.#stage.generation, this.#stage.isEmpty, () => this.#stage.end());
    this.#ledger?.end(this.#endsCleanly(this.#outcome));
    process.off('SIGCHLD', reap);
    this.hardware.ports?.end(this.#config.waveform);
    this.#watcher.close();
    return this.#outcome;
  }

  /** @param detailed whether each session is wanted, too */
  status(detailed = false): MachineStatus {
    const { command, options } = this.#succession.running;
    const [generation, processes] = [this.#stage.generation, this.#programs.list().length];
    return statusOf(this.#config, { generation, processes, command, options, upgrade: this.upgrade }, detailed);
  }

  /**
   * Goes into the next generation, when the programs that want to know of it are ready.
   *
   * @param new what is new of what it runs and of what its kernel is started with, whether it is on trial, and
   * whether its program is started first
   * @param asked aborted when nobody waits for it any more: it does not happen then, unless it has begun
   * @throws ModuleError, CommandError, LauncherError, LiveUpdateError: nothing has changed then
   */
  kexec(wanted: KexecRequest = {}, asked?: AbortSignal): Promise<KexecReport> {
    const { warm, drainTimeout: timeout } = wanted;
    const next = newOf(wanted, this.#succession.running.command);
    const request = (kernel: Partial<KernelOptions>, prepare?: () => Promise<void>): Promise<KexecReport> =>
      new Promise((succeeded, failed) => {
        const change = new Change('kexec', { ...next, kernel, prepare, succeeded, failed });
        this.#succession.request(change);
        asked?.addEventListener('abort', () => this.#succession.cancelWarm('who asked for it waits no more', change));
      });
    const announce = (kernel: Partial<KernelOptions>) => {
      // No program gets ready for what cannot be run.
      if (next.command !== undefined) findExecutable(next.command);
      const patience = { asked, ...(timeout === undefined ? {} : { timeout }) };
      return this.updates.during(patience, async (prepare) => {
        // Programs serve for as long as the next one starts.
        if (warm !== undefined) return request(kernel, prepare);
        await prepare();
        return request(kernel);
      });
    };
    this.#asked += 1;
    return this.#watcher.during(newOptions(wanted.kernel ?? {}, asked).then(announce)).finally(() => {
      this.#asked -= 1;
    });
  }

  /**
   * The same with nothing new, or another run of the command on this kernel; at once, so that it can follow the exit of
   * the last program. It waits for a change that is under way, and is dropped where the generation ends with that.
   */
  proceed(kind: 'kexec' | 'resume', failed: (error: Error) => void): void {
    this.#succession.requestNext(new Change(kind, { failed }));
  }

  /** A kexec is near. What takes long is done while the programs still run. */
  readonly imageLoaded = (): void => this.#succession.prepareEarly();

  /** Gives Node turns for a while: it has work that does not show. */
  readonly settle = (): void => this.#watcher.settle();

  /** Asks the programs to end, and ends them after `timeout` milliseconds. */
  stop(timeout: number): void {
    this.#isStopped = true;
    this.#stage.generation?.endBegins();
    this.signal('SIGTERM');
    this.#watcher.after(timeout, () => this.#end(this.#programs.exit ?? { signal: constants.signals.SIGKILL }));
  }

  /**
   * Sends a signal to the first program, or to all where that has ended. Before there is one, it ends the machine.
   *
   * @param fromTerminal it has reached the programs in the foreground already
   */
  signal(signal: NodeJS.Signals, fromTerminal = false): void {
    if (this.#stage.generation === undefined) {
      const failure = `Cannot start "${this.#succession.running.command.argv[0]}": ${signal} came first`;
      if (!asksToEnd(signal)) return;
      this.#isStopped = true;
      this.#end({ failure, signal: constants.signals[signal] });
      return;
    }
    if (asksToEnd(signal)) this.#succession.cancelWarm(`${signal} asked the programs to end`);
    const hasReachedIt = fromTerminal && this.#programs.exit === undefined && !this.#succession.isBooting;
    this.#programs.signal(signal, hasReachedIt);
  }

  /** Ends the machine at once. */
  abort(reason: string): void {
    this.#end({ failure: reason });
  }

  /** Ends the machine at once, unless something is preserved that nobody asked to lose. */
  keeperKilled(): void {
    this.#hasKeeper = false;
    const reason = 'its keeper was killed';
    if (this.#ledger === undefined || this.#ledger.isEmpty) {
      this.#end({ failure: reason });
      return;
    }
    say(
      `${reason}, and the machine goes on: what it preserves is there for as long as it runs. Nobody would hold it after that`,
    );
  }

  /** Why it cannot go on in another process now. */
  #obstacle(): string | undefined {
    if (!this.#hasKeeper) return 'its keeper was killed, and nobody would clean up after it';
    if (this.#isStopped || this.#outcome !== undefined) return 'it is about to end';
    return this.#asked > 0 ? 'a live update is under way. Try again when it is done' : undefined;
  }

  /** Whether somebody asked for the end, or the program has come to its own. */
  #endsCleanly({ code, failure }: Outcome): boolean {
    return (code === 0 && failure === undefined) || this.#isStopped || this.#programs.wasAskedToEnd;
  }

  #end(outcome: Outcome): void {
    this.#outcome ??= outcome;
  }

  /** Nothing runs any more, and nothing is about to. */
  #endIfOver(): void {
    if (this.#stage.isOver) this.#succession.allEnded();
  }

  #reap(): void {
    const exits = this.#programs.reap();
    this.upgrade.reaped(exits);
    this.#succession.reaped(exits);
    this.#firstExit.look();
  }
}
