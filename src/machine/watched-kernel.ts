/** What the kernels of a machine do, as it is told; and the faults that strike within them. */
import { KernelError } from '../kernel/error.js';
import type { Action, Onlookers, Step } from '../kernel/step.js';
import type { KexecStep, StepName } from './events.js';
import type { Fault, FaultPoint } from './faults.js';
import type { Injector } from './injector.js';
import type { Recorder, StepDetails } from './recorder.js';
import type { Remains } from './remains.js';
import { nameText } from './session-status.js';
import type { MachineLedger } from './vault/machine-ledger.js';

/** What watches one machine: its generations share the counts, and the faults. */
export interface Watching {
  readonly recorder: Recorder;
  readonly injector: Injector;
  /** A fault ends a process at once: as power that fails, for the one that makes the call where it is the agent. */
  kill(point: FaultPoint, caller?: number): void;
  /** Where what is preserved outlives the process of the machine. */
  readonly ledger?: MachineLedger | undefined;
}

/** What the kernel of a generation is watched by. */
export function onlookersOf(watching: Watching, generation: number, remains: Remains): Onlookers {
  const { recorder } = watching;
  return {
    ledger: watching.ledger?.of(generation),
    visit: (step) => visit(watching, generation, step),
    tracer: {
      during: (action, run) => {
        if (action.kind === 'file' && action.callback === 'finish' && !action.retrieved) {
          remains.lost(nameText(action.session.bytes), action.token);
        }
        return during(watching, generation, action, run);
      },
      folio: (callback, pages) => recorder.add(generation, `kho_${callback}`, pages),
    },
  };
}

/**
 * Runs a part of a kexec. A fault that kills and waits for it strikes when it has succeeded.
 *
 * @param generation that the part belongs to
 */
export function duringKexec<Result>(
  watching: Watching,
  step: Exclude<KexecStep, 'freeze'>,
  generation: number,
  run: () => Result,
): Result {
  const { recorder, injector } = watching;
  const doing = recorder.begin(generation, true);
  let result: Result;
  try {
    result = run();
  } catch (error) {
    recorder.endStep(doing, `kexec_${step}`, () => ({}), error);
    throw error;
  }
  const fault = injector.strike({ when: 'kexec', name: step, generation });
  doing.injected = fault?.text;
  recorder.endStep(doing, `kexec_${step}`, () => ({}));
  if (fault !== undefined) watching.kill(fault.point);
  return result;
}

/**
 * Whether a kexec is refused by a fault, before it begins.
 *
 * @throws KernelError of the fault
 */
export function checkKexec({ recorder, injector }: Watching, generation: number): void {
  const fault = injector.strike({ when: 'call', name: 'reboot', generation });
  if (fault !== undefined) throw struck(recorder, fault);
}

/** What a call or a step fails with that a fault has struck. */
export function struck({ doing }: Recorder, { text, errno = 'EIO' }: Fault): KernelError {
  if (doing !== undefined) doing.injected = text;
  return new KernelError(errno, `the fault "${text}" was injected`);
}

function visit({ recorder, injector }: Watching, generation: number, step: Step): void {
  const name = nameOf(step);
  const fault = injector.isEmpty ? undefined : injector.strike({ when: 'step', name, generation, ...subjectOf(step) });
  if (step.kind !== 'allocate') {
    if (fault !== undefined) throw struck(recorder, fault);
  } else if (fault === undefined) {
    recorder.add(generation, 'allocate', step.pages);
  } else {
    const doing = recorder.begin(generation);
    const error = struck(recorder, fault);
    recorder.endStep(doing, 'allocate', () => ({ pages: step.pages }), error);
    throw error;
  }
}

function during<Result>(watching: Watching, generation: number, action: Action, run: () => Result): Result {
  const { recorder, injector } = watching;
  // A program may freeze a session with an ioctl, too.
  const freezes = recorder.doing?.isKexec === true && action.kind === 'file' && action.callback === 'freeze';
  const doing = recorder.begin(generation);
  let result: Result;
  try {
    result = run();
  } catch (error) {
    recorder.endStep(doing, nameOf(action), () => describe(action), error);
    throw error;
  }
  const fault = freezes
    ? injector.strike({ when: 'kexec', name: 'freeze', generation, ...subjectOf(action) })
    : undefined;
  doing.injected = fault?.text;
  recorder.endStep(doing, nameOf(action), () => describe(action));
  if (fault !== undefined) watching.kill(fault.point);
  return result;
}

function nameOf(action: Action | Step): StepName {
  switch (action.kind) {
    case 'allocate':
      return 'allocate';
    case 'file':
      return action.callback;
    case 'flb':
      return `flb_${action.callback}`;
    case 'kho':
      return `kho_${action.callback}`;
  }
}

function subjectOf(action: Action | Step): { session?: string; token?: bigint } {
  return action.kind === 'file' ? { session: nameText(action.session.bytes), token: action.token } : {};
}

function describe(action: Action): StepDetails {
  switch (action.kind) {
    case 'file': {
      const { session, token, compatible } = action;
      const retrieved = action.callback === 'finish' ? { retrieved: action.retrieved } : {};
      return { session: nameText(session.bytes), token: String(token), compatible, ...retrieved };
    }
    case 'flb':
      return { compatible: action.compatible };
    case 'kho':
      return action.pages === undefined ? {} : { pages: action.pages };
  }
}
