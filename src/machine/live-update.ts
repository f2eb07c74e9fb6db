/** From one kernel to the next: check, freeze, hand over, boot. */
import { KernelError } from '../kernel/error.js';
import { type IncomingSessionState, Kernel, type KernelOptions, type SessionState } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import type { Carried, Change } from './change.js';
import type { RecoveryReport } from './control-protocol.js';
import type { Generation } from './generation.js';
import { HandoverCopy } from './handover-copy.js';
import { hostHardware, type MachineHardware } from './host-hardware.js';
import { Remains } from './remains.js';
import { describeThrown } from './report.js';
import { nameText } from './session-status.js';
import type { Recovery } from './vault/recovery.js';
import { checkKexec, duringKexec, onlookersOf, type Watching } from './watched-kernel.js';

const NOTHING_LOST = '. The live update is cancelled; nothing was lost';

/** A live update that did not happen. Everything is as before. */
export class LiveUpdateError extends Error {
  override readonly name = 'LiveUpdateError';

  constructor(
    message: string,
    /** What the `reboot` that asked for it returns. Positive. */
    readonly errno: number,
  ) {
    super(message);
  }
}

/**
 * Whether a kernel with these options can follow: what can be known before anything is frozen.
 *
 * @throws LiveUpdateError where it cannot: nothing has changed then
 */
export function checkNextKernel(
  kind: Change['kind'],
  generation: Generation | undefined,
  machine: MachineHardware,
  options: KernelOptions,
  watching: Watching,
): void {
  if (generation === undefined) return;
  if (kind === 'restart' && options.modules?.length) {
    // A cold boot writes over the memory of the kernel that runs: what its modules say is found out before.
    attempt('boot the next kernel', '', () => Kernel.boot(trialHardware(machine), options).shutdown());
  }
  if (kind === 'kexec')
    duringKexec(watching, 'check', generation.number, () => checkHandover(generation, options, watching));
}

function checkHandover(generation: Generation, options: KernelOptions, watching: Watching): void {
  generation.drain();
  if (generation.hasPanicked) {
    throw new LiveUpdateError(
      'Cannot start a live update: the kernel has panicked, and what it preserved cannot be handed over. Its log says where. End it with: luo stop',
      errno.EIO,
    );
  }
  const nothingChanged = '. Nothing was frozen, and everything goes on';
  attempt('start a live update', nothingChanged, () => {
    checkKexec(watching, generation.number);
    generation.kernel.checkNext(options);
  });
}

/** As much memory as the machine has. What is not written to takes none of the host. */
function trialHardware({ ram }: MachineHardware) {
  return { ...hostHardware({ ram: new Uint8Array(ram.length), ports: undefined }), log: () => undefined };
}

/** A kernel that has booted, and whose programs do not run yet. */
export interface NextKernel {
  /** Of the generation: that of the last one where the kernel is the same. */
  readonly number: number;
  readonly kernel: Kernel;
  readonly remains: Remains;
  /** What it took over, at a kexec. */
  readonly carried: Carried | undefined;
  /** What it took over once more, where it may have to be given to another one. */
  readonly copy?: HandoverCopy | undefined;
  /** What came back of a machine that was held. */
  readonly recovered?: RecoveryReport;
}

/** What a rollback goes back to. */
export interface WayBack {
  /** What the generation took over that is given up, which has ended. */
  readonly copy: HandoverCopy;
  /** Sessions that it has finished, by the names that events have. */
  readonly finished: ReadonlySet<string>;
}

/**
 * The kernel of the next generation.
 *
 * @throws LiveUpdateError where a kexec is refused: nothing has changed then
 */
export function nextKernel(
  { kind, options: { trial } }: Change,
  back: WayBack | undefined,
  generation: Generation | undefined,
  machine: MachineHardware,
  options: KernelOptions,
  watching: Watching,
  recovery?: Recovery,
): NextKernel {
  if (kind === 'rollback' && generation !== undefined && back !== undefined)
    return bootAgain(back, generation, machine, options, watching);
  if (kind === 'boot' && recovery !== undefined) return recoverAndBoot(recovery, machine, options, watching);
  if (kind === 'kexec' && generation !== undefined)
    return freezeAndBoot(generation, machine, options, watching, trial !== undefined);
  if (kind === 'resume' && generation !== undefined) {
    const { number, kernel, remains } = generation;
    return { number, kernel, remains, carried: undefined };
  }
  const number = (generation?.number ?? 0) + 1;
  const remains = new Remains();
  const hardware = hostHardware(machine, onlookersOf(watching, number, remains));
  const kernel = attempt('boot the kernel', '', () => Kernel.boot(hardware, options));
  return { number, kernel, remains, carried: undefined };
}

/** @throws RecoveryError, LiveUpdateError: what was held stays held */
function recoverAndBoot(
  recovery: Recovery,
  machine: MachineHardware,
  options: KernelOptions,
  watching: Watching,
): NextKernel {
  const number = recovery.generation + 1;
  const remains = new Remains();
  // What is held is no serial port.
  const { kernel: last, handover } = recovery.preserve(hostHardware({ ...machine, ports: undefined }), options);
  const recovered = recovery.report(last, number);
  const hardware = hostHardware(machine, onlookersOf(watching, number, remains));
  const kernel = attempt('boot the kernel', '', () => Kernel.boot(hardware, options, handover));
  last.shutdown();
  return { number, kernel, remains, carried: undefined, recovered };
}

/**
 * Freezes the generation's kernel and boots the next one from what it hands over: the RAM, the address of the KHO
 * root, and the descriptors of the preserved files. The programs are still there, and the old kernel can go on.
 *
 * @throws LiveUpdateError where a file refuses to be frozen, or the next kernel cannot read the handover: nothing has
 * changed then
 */
function freezeAndBoot(
  generation: Generation,
  machine: MachineHardware,
  options: KernelOptions,
  watching: Watching,
  onTrial: boolean,
): NextKernel {
  const { kernel } = generation;
  const number = generation.number + 1;
  const remains = new Remains();
  const { carried, handover } = attempt(
    'freeze the preserved files',
    NOTHING_LOST,
    () => {
      const carried = weigh(kernel.state().outgoing);
      return { carried, handover: duringKexec(watching, 'handover', generation.number, () => kernel.reboot()) };
    },
    (error) => generation.panic(error),
  );
  let copy: HandoverCopy | undefined;
  try {
    if (onTrial) {
      const keep = () => new HandoverCopy(machine.memory, machine.ram.length, handover);
      copy = attempt('keep what a rollback needs', NOTHING_LOST, keep);
    }
    const hardware = hostHardware(machine, onlookersOf(watching, number, remains));
    const boot = () => duringKexec(watching, 'boot', number, () => Kernel.boot(hardware, options, handover));
    return { number, kernel: attempt('boot the next kernel', NOTHING_LOST, boot), remains, carried, copy };
  } catch (error) {
    copy?.close();
    unfreeze(generation);
    throw error;
  }
}

/**
 * A kernel that boots from what the last one took over, which has ended with its programs. What that one had finished is
 * not there.
 *
 * @throws LiveUpdateError
 */
function bootAgain(
  { copy, finished }: WayBack,
  generation: Generation,
  machine: MachineHardware,
  options: KernelOptions,
  watching: Watching,
): NextKernel {
  const number = generation.number + 1;
  const remains = new Remains();
  const hardware = hostHardware(machine, onlookersOf(watching, number, remains));
  const kernel = attempt('boot the last kernel again', '', () =>
    Kernel.boot(hardware, options, copy.putBack(machine.memory)),
  );
  for (const { name } of kernel.state().incoming) if (finished.has(nameText(name))) kernel.finishIncoming(name);
  return { number, kernel, remains, carried: weigh(kernel.state().incoming) };
}

/** What is thrown between the freeze and the end of the programs, as a refusal: they go on, and it can be tried again. */
export function cancelled(error: unknown): LiveUpdateError {
  return new LiveUpdateError(`Cannot serve the next generation: ${describeThrown(error)}${NOTHING_LOST}`, errno.EIO);
}

/** Undoes the freeze where the next kernel does not come: this one goes on, unless a handler has a bug. */
export function unfreeze(generation: Generation): void {
  try {
    generation.kernel.cancelReboot();
  } catch (error) {
    generation.panic(error);
  }
}

/**
 * @param consequence what the refusal means for the person, added to the sentence
 * @param panic called with what is a bug of the kernel that runs, and no refusal
 * @throws LiveUpdateError for whatever is thrown
 */
function attempt<T>(what: string, consequence: string, action: () => T, panic?: (error: unknown) => void): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof KernelError) {
      throw new LiveUpdateError(`Cannot ${what} (${error.code}): ${error.message}${consequence}`, error.errno);
    }
    panic?.(error);
    const meaning = panic === undefined ? consequence : '. The kernel has panicked, and the programs go on';
    throw new LiveUpdateError(`Cannot ${what}: ${describeThrown(error)}${meaning}`, errno.EIO);
  }
}

function weigh(sessions: ReadonlyArray<SessionState | IncomingSessionState>): Carried {
  const files = sessions.flatMap((session) => [...session.files]);
  return {
    sessions: sessions.length,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + (size ?? 0n), 0n),
  };
}
