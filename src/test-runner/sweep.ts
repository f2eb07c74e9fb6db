import type { FaultPoint } from '../machine/faults.js';
import { type FaultOutcome, judge } from './outcome.js';
import type { TestPlan } from './plan.js';
import type { Pool } from './pool.js';
import { type Problem, problemsOf } from './problems.js';
import type { Recording } from './recording.js';
import { faultsOf } from './world.js';

export interface SweepOptions {
  readonly plan: TestPlan;
  /** Runs at a time. */
  readonly jobs: number;
  /** Where faults are to strike; everywhere by default. */
  readonly points?: readonly FaultPoint[];
  /** Called after each run with a fault. */
  progress?(done: number, total: number): void;
}

export interface Sweep {
  readonly clean: Recording;
  /** What is wrong without a fault. There is no sweep then. */
  readonly problems: readonly Problem[];
  /** The faults, in the order in which they strike. */
  readonly faults: readonly string[];
  /** In the order of the faults. Fewer where the person had enough. */
  readonly outcomes: readonly FaultOutcome[];
}

/** A run without a fault has to show how long a stage takes; with one, it may take this many times as long. */
const PATIENCE = 20;

/** No stage is given up earlier, in milliseconds: computers that test are busy. */
const LEAST_TIMEOUT = 4000;

/** One clean run, and then one with each fault that could have struck it. */
export async function sweep(pool: Pool, { plan, jobs, points, progress }: SweepOptions): Promise<Sweep> {
  const clean = await pool.run({ plan });
  const problems = problemsOf(clean, plan);
  if (problems.length > 0 || pool.isInterrupted) return { clean, problems, faults: [], outcomes: [] };
  const faults = faultsOf(clean, points);
  const outcomes = new Map<string, FaultOutcome>();
  const timeout = Math.min(plan.timeout, Math.max(LEAST_TIMEOUT, PATIENCE * clean.milliseconds));
  await pool.each(faults, jobs, async (fault) => {
    const found = await runWithFault(pool, { ...plan, timeout }, clean, fault);
    if (found === undefined) return;
    outcomes.set(fault, found.outcome);
    progress?.(outcomes.size, faults.length);
  });
  return { clean, problems, faults, outcomes: faults.flatMap((fault) => outcomes.get(fault) ?? []) };
}

/** @returns undefined where the person had enough before it was over */
export async function runWithFault(
  pool: Pool,
  plan: TestPlan,
  clean: Recording,
  fault: string,
): Promise<{ readonly recording: Recording; readonly outcome: FaultOutcome } | undefined> {
  const recording = await pool.run({ plan, fault });
  const isKilled = recording.interruption?.by === 'kill';
  const afterwards = isKilled && !pool.isInterrupted ? await pool.run({ plan }) : undefined;
  if (pool.isInterrupted) return undefined;
  return { recording, outcome: judge(fault, plan, clean, recording, afterwards) };
}
