/**
 * What happens on a machine, as it happens: for `luo trace`, and for `luo test`, which learns from it what an agent did.
 * Every event is a JSON text of its own; numbers of 64 bits are decimal numbers in strings. An event is there when it is
 * over, so that what happens within a call comes before the call.
 */

/** What all events have. */
interface Moment {
  /** When it began: microseconds since the machine was started, on a clock that never goes back. */
  readonly at: number;
  /** The generation in which it happened, from 1. What a kernel does as it boots is of its own generation. */
  readonly generation: number;
}

/** Calls and steps lie within each other. */
interface Nested extends Moment {
  /** How many others it lies within: 0 for a call of a program. Those of it come right before it, with one more. */
  readonly depth: number;
  /** Of this name, in all generations and from all programs, from 1. */
  readonly nth: number;
  /** The session's name, as `luo ps --json` has it. */
  readonly session?: string;
  /** Decimal. */
  readonly token?: string;
  /** The name of the error, such as `ENOENT`. */
  readonly error?: string;
  /** Why, in a sentence, where luo knows. */
  readonly reason?: string;
  /** From the moment that luo saw it until it was over. */
  readonly microseconds: number;
  /** The fault that was injected here, as it was given. */
  readonly injected?: string;
}

/** A call of a program that has to do with live update. */
export interface CallEvent extends Nested {
  readonly event: 'call';
  /** The thread that made it, as the host numbers it. None for `close`, which is seen when the last copy is closed. */
  readonly tid?: number;
  /**
   * The command's name as Linux has it, such as `PRESERVE_FD`; `open`, `close`, `reboot`, `kexec_load` and
   * `kexec_file_load` as they are; `ioctl` for a command that is not known. `close` is the end of a session or of the
   * device in this kernel (its release).
   */
  readonly call: string;
  /** The descriptor that it was made on, where there is one. */
  readonly fd?: number;
  /** The descriptor that PRESERVE_FD was given. */
  readonly argument?: number;
  /** What else it was told, in the words of its header, such as `LINUX_REBOOT_CMD_KEXEC`. */
  readonly detail?: string;
  /**
   * What it returned, 0 or more; for a call that gives a descriptor, its number. Neither this nor `error` is there for
   * a call that did not come back: a `reboot` that happened.
   */
  readonly result?: number;
}

/** A callback of a file handler or an FLB, a step of KHO, or a part of a kexec. */
export interface StepEvent extends Nested {
  readonly event: 'step';
  readonly step: StepName;
  /** How many steps of this name, one after the other, this stands for. `nth` is that of the first. 1 if absent. */
  readonly count?: number;
  /** The handler or the FLB. */
  readonly compatible?: string;
  /** Of all the memory that it is about, where that is known. */
  readonly pages?: number;
  /** Of `finish`: whether a program had asked for the file. Where none had, its content is gone. */
  readonly retrieved?: boolean;
}

/** The parts of a kexec, in their order, as `kill_machine:after=` has them; `freeze` is one file's. */
export const kexecSteps = ['check', 'freeze', 'handover', 'boot', 'end', 'execute'] as const;
export type KexecStep = (typeof kexecSteps)[number];

export type FileStep = 'preserve' | 'unpreserve' | 'freeze' | 'unfreeze' | 'retrieve' | 'can_finish' | 'finish';
export type FlbStep = 'flb_preserve' | 'flb_unpreserve' | 'flb_retrieve' | 'flb_finish';
export type KhoStep =
  | 'kho_preserve_folio'
  | 'kho_unpreserve_folio'
  | 'kho_restore_folio'
  | 'kho_preserve_vmalloc'
  | 'kho_unpreserve_vmalloc'
  | 'kho_restore_vmalloc'
  | 'kho_finalize'
  | 'kho_abort';
/** `allocate` is of the kernel's RAM. */
export type StepName = FileStep | FlbStep | KhoStep | 'allocate' | `kexec_${Exclude<KexecStep, 'freeze'>}`;

/** A generation has begun: its first program runs. */
export interface GenerationEvent extends Moment {
  readonly event: 'generation';
  readonly argv: readonly string[];
  /** What it took over; absent after a cold boot. */
  readonly carried?: { readonly sessions: number; readonly files: number; readonly bytes: string };
}

/** The first program of a generation has ended by itself. */
export interface ExitEvent extends Moment {
  readonly event: 'exit';
  readonly code?: number;
  /** The name of the signal, such as `SIGSEGV`. */
  readonly signal?: string;
}

/** A generation ends, with what nobody asked for or let go of. */
export interface EndEvent extends Moment {
  readonly event: 'end';
  /**
   * Why it ends: `exit` where no program of it runs any more, `stop` where a person or a signal ended it, `rollback`
   * where it did not show that it is good: what it took over and did not finish is there for the next one.
   */
  readonly by: 'kexec' | 'restart' | 'rollback' | 'exit' | 'stop' | 'panic';
  /** Sessions of the last kernel that are lost with it, in whole or in part. */
  readonly left: readonly LeftSession[];
  /** Sessions that this generation's programs made and that do not pass: closed before, or no kexec came. */
  readonly dropped: readonly string[];
  /** What the kernel itself still holds though nobody should: a bug, of a handler as a rule. Not known at a kexec. */
  readonly leaks: readonly string[];
}

/** Another luo has taken the place of the machine's process. The generation and its programs go on. */
export interface UpgradeEvent extends Moment {
  readonly event: 'upgrade';
  /** The versions of the two. */
  readonly from: string;
  readonly to: string;
}

/** A session of the last kernel that was not finished, or of which files were never asked for. */
export interface LeftSession {
  readonly session: string;
  /** Whether a program asked for it. */
  readonly retrieved: boolean;
  /** Whether it was finished, by FINISH or by the close of its descriptor. */
  readonly finished: boolean;
  /** The tokens of the files that nobody asked for. */
  readonly notRetrieved: readonly string[];
}

export type MachineEvent = CallEvent | StepEvent | GenerationEvent | ExitEvent | EndEvent | UpgradeEvent;
