import type { Command } from '../machine/command.js';
import type { KernelConfig } from '../machine/config.js';

/** What is tested: the commands of the generations, on kernels of one kind. */
export interface TestPlan extends KernelConfig {
  /** What each generation runs, from the first: at least one. */
  readonly stages: readonly Command[];
  /** How long a stage may take, in milliseconds. */
  readonly timeout: number;
  /** A stage that goes on is over, too, when a line of its output matches: the source of a regular expression. */
  readonly until?: string;
  /** The soft limit on descriptors that programs get, a decimal number. */
  readonly descriptorLimit?: string;
}

/** One run of a plan, with a fault or without. */
export interface Job {
  readonly plan: TestPlan;
  /** As `luo run --inject` has it. With it, a stage that fails is run once more, and a refused kexec is asked for again. */
  readonly fault?: string;
}
