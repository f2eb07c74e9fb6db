/** A machine in the process that goes on where another one was. */
import { duplicate } from '../../host/descriptors.js';
import { Listener } from '../../host/seccomp.js';
import type { Descriptor, Hardware } from '../../kernel/hardware.js';
import type { Kernel, KernelOptions } from '../../kernel/kernel.js';
import { resumeKernel } from '../../kernel/resume.js';
import type { Onlookers, Tracer, Visit } from '../../kernel/step.js';
import type { Chronicle } from '../chronicle.js';
import type { MachineStatus, UpgradeReport } from '../control-protocol.js';
import type { FirstExit } from '../first-exit.js';
import { hostHardware, type MachineHardware } from '../host-hardware.js';
import type { PowerSwitch } from '../power-switch.js';
import type { Programs } from '../programs.js';
import { Remains } from '../remains.js';
import type { Stage } from '../stage.js';
import type { Succession } from '../succession.js';
import type { Updates } from '../updates.js';
import type { MachineLedger } from '../vault/machine-ledger.js';
import { onlookersOf, type Watching } from '../watched-kernel.js';
import { kernelFromJson, nameFromJson } from './kernel-json.js';
import type { ChannelJson, MachineState } from './state.js';

/** A machine that another process was until now. */
export interface Resumed {
  readonly state: MachineState;
  /** What its kernel was started with. */
  readonly options: KernelOptions;
}

/** The parts of a machine that go on. */
export interface ResumedParts {
  readonly hardware: MachineHardware;
  readonly programs: Programs;
  readonly firstExit: FirstExit;
  readonly power: PowerSwitch;
  readonly succession: Succession;
  readonly stage: Stage;
  readonly chronicle: Chronicle;
  readonly ledger: MachineLedger | undefined;
  readonly updates: Updates;
}

/**
 * Its programs run: they are served from now on.
 *
 * @throws KernelError where a file is refused that was taken before
 */
export function resumeMachine(parts: ResumedParts, { state, options }: Resumed): void {
  const { hardware, programs, firstExit, power, succession, stage, chronicle, ledger, updates } = parts;
  programs.resume(state.programs);
  firstExit.resume();
  power.image = state.image;
  power.crashImage = state.crashImage;
  succession.running.become(state.config.command, options);
  resumeGeneration(state.generation, options, hardware, stage, chronicle);
  ledger?.resume(state.generation.number);
  if (state.announces) updates.expect();
  // What the process before this one had got ready for it went with that.
  if (power.image !== undefined) power.imageLoaded();
}

/**
 * How it went.
 *
 * @param status of the machine now
 */
export function upgradeReport({ state }: Resumed, status: MachineStatus): UpgradeReport {
  const { leftAt, version: from, upgrades: count } = state;
  const { sessions, files, version: to, processes } = status;
  const waited = Number(process.hrtime.bigint() - BigInt(leftAt)) / 1e6;
  return { count, from, to, processes, sessions, files, waited };
}

function resumeGeneration(
  { number, listener, kernel: saved, channels, retrieved, remains: left }: MachineState['generation'],
  options: KernelOptions,
  machine: MachineHardware,
  stage: Stage,
  watching: Watching,
): void {
  const remains = new Remains(left);
  const onlookers = new LateOnlookers(onlookersOf(watching, number, remains));
  const kernel = resumeOn(hostHardware(machine, onlookers), options, saved);
  onlookers.isOn = true;
  const generation = stage.next(new Listener(listener), { number, kernel, remains, carried: undefined });
  for (const channel of channels) generation.channels.adopt({ ...channel, ...openChannel(kernel, channel) });
  for (const inode of retrieved) generation.channels.retrieved.add(inode);
  stage.resume(generation);
}

/** @throws KernelError where a file is refused, and what a module says */
export function resumeOn(
  hardware: Hardware,
  options: KernelOptions,
  saved: MachineState['generation']['kernel'],
): Kernel {
  // A number of this process's own table, which is what the hardware of a machine means by it.
  return resumeKernel(hardware, options, kernelFromJson(saved), (descriptor) => duplicate(descriptor) as Descriptor);
}

function openChannel(kernel: Kernel, { session }: ChannelJson) {
  const file = session === undefined ? kernel.openDevice() : kernel.openSession(nameFromJson(session));
  return { file, isDevice: session === undefined };
}

/** What is done to bring a kernel to where it was has been told of before, and no fault strikes it. */
class LateOnlookers implements Onlookers {
  isOn = false;
  readonly ledger: Onlookers['ledger'];
  readonly #onlookers: Onlookers;

  constructor(onlookers: Onlookers) {
    this.#onlookers = onlookers;
    this.ledger = onlookers.ledger;
  }

  readonly visit: Visit = (step) => {
    if (this.isOn) this.#onlookers.visit?.(step);
  };

  readonly tracer: Tracer = {
    during: (action, run) => {
      const { tracer } = this.#onlookers;
      return this.isOn && tracer !== undefined ? tracer.during(action, run) : run();
    },
    folio: (callback, pages) => {
      if (this.isOn) this.#onlookers.tracer?.folio(callback, pages);
    },
  };
}
