/** Everything that is told of a machine and injected into it, from its first boot to its end. */
import type { Exit } from '../host/processes.js';
import type { Carried, Change } from './change.js';
import type { MachineConfig } from './config.js';
import type { UpgradeReport } from './control-protocol.js';
import type { EndEvent } from './events.js';
import { parseFault } from './fault-parser.js';
import type { FaultPoint } from './faults.js';
import type { Generation } from './generation.js';
import { Injector } from './injector.js';
import { Recorder, type Watch } from './recorder.js';
import { say } from './report.js';
import { signalName } from './signals.js';
import { openTrace, type Trace } from './trace-target.js';
import type { MachineState } from './upgrade/state.js';
import type { MachineLedger } from './vault/machine-ledger.js';
import { duringKexec, type Watching } from './watched-kernel.js';

/** The processes that a fault can kill, where they are there. */
export type Victims = Readonly<Partial<Record<FaultPoint, () => number | undefined>>>;

interface ChronicleParts {
  readonly ledger?: MachineLedger | undefined;
  readonly victims?: Victims;
  /** Of another process that this one goes on for. */
  readonly saved?: Pick<MachineState, 'counts' | 'faults'> | undefined;
}

export class Chronicle implements Watching {
  readonly recorder: Recorder;
  readonly injector: Injector;
  readonly ledger: MachineLedger | undefined;
  readonly #victims: Victims;
  readonly #traces: readonly Trace[];
  readonly #readers = new Set<() => void>();

  /**
   * @throws FaultError for a fault that cannot be read
   * @throws SetupError where a trace cannot be written
   */
  constructor(
    { trace = [], inject = [] }: Pick<MachineConfig, 'trace' | 'inject'>,
    { ledger, victims = {}, saved }: ChronicleParts = {},
  ) {
    this.ledger = ledger;
    this.#victims = victims;
    this.recorder = new Recorder(saved?.counts);
    this.injector = new Injector(inject.map(parseFault), saved?.faults);
    this.#traces = trace.map(openTrace);
    for (const { write } of this.#traces) this.recorder.watch(write);
  }

  kill(point: FaultPoint, caller?: number): void {
    const pid = caller !== undefined && point === 'kill_agent' ? caller : this.#victims[point]?.();
    if (pid !== undefined) killIfThere(pid);
  }

  /** The first program of a generation runs. */
  generationBegan(kind: Change['kind'], generation: number, argv: readonly string[], carried?: Carried): void {
    if (kind === 'kexec') duringKexec(this, 'execute', generation, () => undefined);
    const took = carried === undefined ? {} : { carried: { ...carried, bytes: String(carried.bytes) } };
    this.recorder.tell({ event: 'generation', generation, argv, ...took });
  }

  /** Another luo has taken the place of the process. */
  upgraded(generation: Generation | undefined, { from, to }: UpgradeReport): void {
    this.recorder.tell({ event: 'upgrade', generation: generation?.number ?? 0, from, to });
  }

  /** Another luo is about to: what is held back is written, and those who read are told. */
  leaving(): void {
    for (const { flush } of this.#traces) flush();
    for (const tell of this.#readers) tell();
  }

  /**
   * Somebody reads what happens over a connection, which another luo would not take over.
   *
   * @param leaving called before that happens
   * @returns what ends it
   */
  read(watch: Watch, leaving: () => void): () => void {
    const unwatch = this.recorder.watch(watch);
    this.#readers.add(leaving);
    return () => {
      unwatch();
      this.#readers.delete(leaving);
    };
  }

  /** The first program of a generation has ended by itself. */
  programExited(generation: Generation | undefined, { code, signal }: Exit): void {
    const how = signal === undefined ? { code: code ?? 0 } : { signal: signalName(signal) };
    this.recorder.tell({ event: 'exit', generation: generation?.number ?? 0, ...how });
  }

  /**
   * Ends a generation for another one.
   *
   * @param generation undefined before there is one
   */
  change(generation: Generation | undefined, kind: Change['kind'], end: () => void): void {
    // A resume goes on with the same kernel.
    const isEnd = kind === 'kexec' || kind === 'restart' || kind === 'rollback';
    this.#endGeneration(generation, isEnd ? kind : undefined, end);
  }

  /**
   * Ends the last generation.
   *
   * @param isOver whether nothing of it runs any more
   */
  end(generation: Generation | undefined, isOver: boolean, end: () => void): void {
    const by = generation?.hasPanicked ? 'panic' : isOver ? 'exit' : 'stop';
    this.#endGeneration(generation, by, end);
    this.#close();
  }

  #endGeneration(generation: Generation | undefined, by: EndEvent['by'] | undefined, end: () => void): void {
    if (generation === undefined || by === undefined) {
      end();
      return;
    }
    const { number, kernel, remains } = generation;
    // While all is frozen, a session that is closed stays.
    if (by !== 'kexec') generation.drain();
    const report = remains.report(kernel, by);
    if (by === 'kexec') duringKexec(this, 'end', number, end);
    else end();
    this.recorder.tell({ event: 'end', generation: number, by, ...report });
  }

  #close(): void {
    for (const { close } of this.#traces) close();
    for (const sentence of this.injector.missed) say(sentence);
  }
}

/** On Linux the number of any thread will do for its process. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
