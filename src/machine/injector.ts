/** Decides where the faults of a machine strike. */
import { type Fault, givingCalls, returningCalls } from './faults.js';

/** Something that happens, where a fault might strike. */
export interface Occasion {
  /** A call begins or is answered; a step of the kernel begins; a part of a kexec is over. */
  readonly when: 'call' | 'answered' | 'step' | 'kexec';
  /** The name of the call in lower case, of the step, or of the part of the kexec. */
  readonly name: string;
  readonly generation: number;
  /** As events have it. */
  readonly session?: string;
  readonly token?: bigint;
}

interface Armed {
  readonly fault: Fault;
  /** How many occasions have matched it. */
  seen: number;
}

export class Injector {
  readonly #armed: readonly Armed[];

  constructor(faults: readonly Fault[]) {
    this.#armed = faults.map((fault) => ({ fault, seen: 0 }));
  }

  get isEmpty(): boolean {
    return this.#armed.length === 0;
  }

  /** The fault that strikes now. Each of them counts the occasion. */
  strike(occasion: Occasion): Fault | undefined {
    let striking: Fault | undefined;
    for (const armed of this.#armed) {
      if (!matches(armed.fault, occasion)) continue;
      armed.seen += 1;
      if (armed.seen === armed.fault.nth) striking ??= armed.fault;
    }
    return striking;
  }

  /** Those that never struck, a sentence each: a test that cannot fail proves nothing. */
  get missed(): string[] {
    return this.#armed
      .filter(({ fault, seen }) => seen < fault.nth)
      .map(({ fault, seen }) => {
        const times = seen === 1 ? 'once' : `${seen} times`;
        const why =
          seen === 0 ? 'nothing matched it' : `it was to strike at match ${fault.nth}, and that came ${times}`;
        return `the fault "${fault.text}" never struck: ${why}`;
      });
  }
}

function matches(fault: Fault, { when, name, generation, session, token }: Occasion): boolean {
  if (fault.generation !== undefined && fault.generation !== generation) return false;
  if (fault.session !== undefined && fault.session !== session) return false;
  if (fault.token !== undefined && fault.token !== token) return false;
  switch (fault.point) {
    case 'emfile':
      return when === 'call' && isOf(givingCalls, name) && (fault.call ?? name) === name;
    case 'eintr':
      return when === 'call' && isOf(returningCalls, name) && (fault.call ?? name) === name;
    case 'kill_agent':
      if (fault.before !== undefined) return when === 'call' && name === fault.before;
      if (fault.after === undefined) return when === 'answered';
      return isAfter(when) && name === fault.after;
    case 'kill_machine':
    case 'kill_keeper':
      return isAfter(when) && name === (fault.after ?? 'handover');
    default:
      return (when === 'call' || when === 'step') && name === fault.point;
  }
}

/** No call has the name of a step of a kexec. */
function isAfter(when: Occasion['when']): boolean {
  return when === 'answered' || when === 'kexec';
}

function isOf(calls: readonly string[], name: string): boolean {
  return calls.includes(name);
}
