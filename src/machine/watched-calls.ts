/** The calls of a generation's programs, as they are told; and the faults that strike them. */
import type { Notification } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import type { File } from '../kernel/fs/file.js';
import { SessionFile } from '../kernel/kernel.js';
import { decodeFileArguments, decodeSessionArguments, LiveupdateSize } from '../uapi/liveupdate.js';
import { type AnswerMemory, gone } from './calling-memory.js';
import { type CommandName, commandName } from './command-names.js';
import type { Fault } from './faults.js';
import type { CallDetails, Doing, Refusal } from './recorder.js';
import type { Remains } from './remains.js';
import { nameText } from './session-status.js';
import { struck, type Watching } from './watched-kernel.js';

/** How a `reboot` ended: nothing where it happened, or the positive error number that the program gets, and why. */
export type RebootOver = (refusal?: Refusal) => void;

/** What a call is about, as far as it can be told before it is carried out. */
interface Subject {
  readonly session?: string;
  readonly token?: bigint;
}

/** Called when a call is carried out, and before the program learns of it. */
type CarriedOut = () => void;

/** A call that is carried out. */
interface Plan {
  readonly call: Notification;
  readonly name: string;
  readonly subject: () => Subject;
  readonly describe: () => CallDetails;
  /** The error number that it returned, where it did not throw. */
  readonly refused?: () => number | undefined;
}

export class WatchedCalls {
  readonly #watching: Watching;
  readonly #generation: number;
  readonly #remains: Remains;

  constructor(watching: Watching, generation: number, remains: Remains) {
    this.#watching = watching;
    this.#generation = generation;
    this.#remains = remains;
  }

  /** Carries out an ioctl on the device or a session, and answers it: what `run` throws is what it is refused with. */
  ioctl(call: Notification, file: File, memory: AnswerMemory, run: (carriedOut: CarriedOut) => void): void {
    const command = Number((call.arguments[1] ?? 0n) & 0xffffffffn);
    const { name, shape } = commandName(command, file instanceof SessionFile);
    const fd = Number(BigInt.asIntN(32, call.arguments[0] ?? 0n));
    const subject = (): Subject => ({ ...sessionOf(file), ...subjectOf(shape, memory) });
    const describe = () => ({
      tid: call.tid,
      fd,
      ...told(subject()),
      ...(shape === 'preserve' ? { argument: descriptorIn(memory.given) } : {}),
      ...(shape === 'unknown' ? { detail: `0x${command.toString(16)}` } : {}),
      result: shape === 'session' || shape === 'retrieve' ? descriptorIn(memory.answer) : 0,
    });
    this.#watching.ledger?.called(call.tid);
    this.#carryOut({ call, name, subject, describe }, run);
  }

  /**
   * Carries out another call.
   *
   * @param run gives what it returns: a negative number is an error
   */
  call(call: Notification, name: string, run: (carriedOut: CarriedOut) => number): number {
    let result = 0;
    const plan: Plan = {
      call,
      name,
      subject: () => ({}),
      describe: () => ({ tid: call.tid, result }),
      refused: () => (result < 0 ? -result : undefined),
    };
    this.#carryOut(plan, (carriedOut) => {
      result = run(carriedOut);
    });
    return result;
  }

  /** A `reboot` begins, which may come back or not. */
  reboot(call: Notification, detail: string): RebootOver {
    const { recorder } = this.#watching;
    const doing = recorder.beginAside(this.#generation);
    return (refusal) => {
      recorder.endCall(doing, 'reboot', () => ({ tid: call.tid, detail }), refusal);
    };
  }

  /** Releases a file, whose last descriptor a program has closed. */
  release(file: File, put: () => void): void {
    const { recorder } = this.#watching;
    if (file instanceof SessionFile) this.#remains.closed(file.session);
    const doing = recorder.begin(this.#generation);
    let error: unknown;
    try {
      put();
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      recorder.endCall(
        doing,
        'close',
        () => withoutResult({ ...sessionOf(file), result: 0 }, error !== undefined),
        error,
      );
    }
  }

  #carryOut(plan: Plan, run: (carriedOut: CarriedOut) => void): void {
    const { recorder } = this.#watching;
    const doing = recorder.begin(this.#generation);
    let isCarriedOut = false;
    let isKilled = false;
    let error: unknown;
    const carriedOut = () => {
      if (isCarriedOut) return;
      isCarriedOut = true;
      isKilled = this.#strikeAfter(plan, doing);
    };
    try {
      this.#strikeBefore(plan, doing);
      run(carriedOut);
      error = plan.refused?.();
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      carriedOut();
      const failed = error !== undefined;
      // A program that has been killed is answered nothing, and what that fails with is not the call's.
      const isGone =
        (isKilled && typeof error === 'number') || (error instanceof KernelError && error.code === 'ESRCH');
      recorder.endCall(doing, plan.name, () => withoutResult(plan.describe(), failed), isGone ? undefined : error);
    }
  }

  /** @throws KernelError of a fault that refuses the call; ESRCH where it kills the program */
  #strikeBefore(plan: Plan, doing: Doing): void {
    const fault = this.#strike('call', plan);
    if (fault === undefined) return;
    if (fault.point !== 'kill_agent') throw struck(this.#watching.recorder, fault);
    doing.injected = fault.text;
    this.#watching.kill(fault.point, plan.call.tid);
    throw gone(plan.call);
  }

  /** @returns whether a fault has killed the program that made the call */
  #strikeAfter(plan: Plan, doing: Doing): boolean {
    const fault = this.#strike('answered', plan);
    if (fault === undefined) return false;
    doing.injected = fault.text;
    this.#watching.kill(fault.point, plan.call.tid);
    return fault.point === 'kill_agent';
  }

  #strike(when: 'call' | 'answered', { name, subject }: Plan): Fault | undefined {
    const { injector } = this.#watching;
    if (injector.isEmpty) return undefined;
    return injector.strike({ when, name: name.toLowerCase(), generation: this.#generation, ...subject() });
  }
}

function told({ session, token }: Subject): Pick<CallDetails, 'session' | 'token'> {
  return {
    ...(session === undefined ? {} : { session }),
    ...(token === undefined ? {} : { token: String(token) }),
  };
}

/** A call that failed returned nothing. */
function withoutResult({ result, ...details }: CallDetails, failed: boolean): CallDetails {
  return failed || result === undefined ? details : { ...details, result };
}

function sessionOf(file: File): { session?: string } {
  return file instanceof SessionFile ? { session: nameText(file.session.name.bytes) } : {};
}

/** What the structure of a command says. A program may give one that cannot be read. */
function subjectOf(shape: CommandName['shape'], memory: AnswerMemory): Subject {
  // Once the call is answered nothing can be read any more: what the kernel has read is there.
  const structure = (size: number) => (memory.given.length < size ? memory.readGiven(size) : memory.given);
  try {
    switch (shape) {
      case 'session': {
        const { name } = decodeSessionArguments(structure(LiveupdateSize.createSessionV5));
        const end = name.indexOf(0);
        return { session: nameText(end < 0 ? name : name.subarray(0, end)) };
      }
      case 'preserve':
      case 'retrieve':
      case 'token':
        return { token: decodeFileArguments(structure(LiveupdateSize.file)).token };
      default:
        return {};
    }
  } catch (error) {
    if (error instanceof KernelError) return {};
    throw error;
  }
}

/** The `s32 fd` that follows the size in each structure that has one. */
function descriptorIn(structure: Uint8Array): number {
  if (structure.length < LiveupdateSize.file) return -1;
  return decodeFileArguments(structure).fd;
}
