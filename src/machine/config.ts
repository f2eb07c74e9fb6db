import type { Exit } from '../host/processes.js';
import type { Preservable, Profile } from '../kernel/kernel.js';
import type { Command } from './command.js';
import type { RecoveryReport } from './control-protocol.js';
import type { CrashPolicy } from './vault/vault.js';

/** What the kernels of a machine are started with, as it passes from process to process. */
export interface KernelConfig {
  readonly profile: Profile;
  /** Whether files come back as Linux makes them, and calls are answered as Linux does. */
  readonly strict: boolean;
  /** Whether there are the ioctls that no Linux has. */
  readonly extend?: boolean;
  /** Kinds of files beside those that Linux preserves. */
  readonly preserve?: readonly Preservable[];
  /** The paths of files with kernel modules, absolute, in the order in which they are loaded. */
  readonly modules?: readonly string[];
}

/** Where all that happens on a machine is written. */
export interface TraceTarget {
  /** Lines for people, or the events of events.ts, a JSON text a line. */
  readonly format: 'text' | 'json';
  /** The path of a file, absolute, that is appended to; standard error by default. */
  readonly file?: string;
}

/** What a machine is started with. */
export interface MachineConfig extends KernelConfig {
  readonly name: string;
  /** The directory of the machine alone, for as long as it runs: its control socket and its placeholder file. */
  readonly directory: string;
  readonly command: Command;
  /** Runs without a terminal, its output in a log. */
  readonly detached: boolean;
  /** The soft limit on descriptors that programs get, a decimal number; where luo could find it out. */
  readonly descriptorLimit?: string;
  /** Serial ports, as devices/options.ts reads them. */
  readonly serial?: readonly string[];
  /** The path of a file, absolute, that the waveforms of those that are emulated are written to at the end. */
  readonly waveform?: string;
  readonly trace?: readonly TraceTarget[];
  /** Faults, as fault-parser.ts reads them. */
  readonly inject?: readonly string[];
  /** What becomes of what is preserved where nobody asked for the end; `end` by default: it ends, too. */
  readonly onCrash?: CrashPolicy;
}

/** How a machine ended: as its first program, of the last generation, did. */
export interface Outcome {
  readonly code?: number;
  readonly signal?: number;
  /** Why the machine could not go on, in a sentence. */
  readonly failure?: string;
}

/** What a machine tells the keeper that started it: one JSON text a line. */
export type MachineMessage =
  | { readonly event: 'ready'; readonly recovered?: RecoveryReport }
  | { readonly event: 'ended'; readonly outcome: Outcome };

/**
 * What it tells the keeper alone: a generation begins, and its listener has this number in the machine; or its program
 * does before it.
 */
export type BegunMessage = { readonly event: 'begun' | 'warm'; readonly listener: number };

/** What the object behind it tells: the same. */
export interface MachineEvents {
  begun(listener: number, generation: number): void;
  /** A program is started before its generation, and its listener is this descriptor. */
  warm?(listener: number): void;
  /** Once, when the very first program runs, with what was recovered for it. */
  started(recovered?: RecoveryReport): void;
  /** The first program of a generation has ended by itself. A change that is asked for here comes before all else. */
  exited?(exit: Exit): void;
  /** The process that keeps the machine, where one does. */
  keeper?(): number | undefined;
  /** What the generation of that number runs, where nobody said it; by default what the last one ran. */
  commandOf?(generation: number): Command | undefined;
}

/** What the keeper tells the machine. */
export type KeeperMessage =
  /** The first message, once. What was held of the machine has these numbers, by its names. */
  | {
      readonly request: 'boot';
      readonly config: MachineConfig;
      readonly held?: Readonly<Record<string, number>>;
    }
  /** A signal for the programs. Those in the foreground of a terminal have got it already where it comes from there. */
  | { readonly request: 'signal'; readonly signal: NodeJS.Signals; readonly fromTerminal: boolean };

/** The number of the descriptor that the two share. */
export const KEEPER_SOCKET = 3;
/** The number of the descriptor that holds the machine's lock, in both. */
export const MACHINE_LOCK = 4;
