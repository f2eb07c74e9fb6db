/** What is reported of a test, whatever it looks like. */
import type { FaultOutcome, OutcomeKind } from './outcome.js';
import { isGood, outcomes } from './outcome.js';
import type { TestPlan } from './plan.js';
import type { Problem } from './problems.js';
import type { Recording } from './recording.js';
import { joinWords } from './words.js';

export interface Report {
  readonly plan: TestPlan;
  /** The run without a fault; with `--inject`, the one with it. */
  readonly recording: Recording;
  /** What is wrong without a fault. */
  readonly problems: readonly Problem[];
  /** Of `--sweep` and `--inject`. */
  readonly faults?: {
    /** How many there are. Some have no outcome where the person had enough. */
    readonly total: number;
    readonly outcomes: readonly FaultOutcome[];
  };
  /** The words with which this test was started, without those for faults and reports. */
  readonly command: readonly string[];
  /** The person had enough. */
  readonly isInterrupted: boolean;
  readonly milliseconds: number;
}

export function hasPassed({ problems, faults, isInterrupted }: Report): boolean {
  return !isInterrupted && problems.length === 0 && (faults?.outcomes ?? []).every(({ kind }) => isGood(kind));
}

/** What to type to see one fault again. */
export function commandFor({ command }: Report, fault: string): string {
  return joinWords(['luo', 'test', '--inject', fault, ...command]);
}

export function countOutcomes(found: readonly FaultOutcome[]): Record<OutcomeKind, number> {
  const count = (kind: OutcomeKind) => found.filter((one) => one.kind === kind).length;
  // The entries are those of all kinds.
  return Object.fromEntries(outcomes.map((kind) => [kind, count(kind)])) as Record<OutcomeKind, number>;
}

/** One thing that passes or fails, as the formats for programs have it. */
export interface Case {
  readonly group: 'stages' | 'faults';
  readonly name: string;
  /** What is wrong, in sentences; none where it passes. */
  readonly failures: readonly string[];
  /** What a person may want to see with it. */
  readonly detail?: string;
  readonly milliseconds?: number;
}

/** Each stage, what is of no stage, and each fault. */
export function casesOf(report: Report): Case[] {
  const { plan, problems, recording, faults } = report;
  const texts = (stage: number | undefined) =>
    problems.filter((problem) => problem.stage === stage).map(({ text }) => text);
  const rest = texts(undefined);
  return [
    ...plan.stages.map(({ argv }, index): Case => {
      const output = recording.tries.filter(({ stage }) => stage === index + 1).map((one) => one.output);
      const name = `stage ${index + 1}: ${joinWords(argv)}`;
      return { group: 'stages', name, failures: texts(index + 1), detail: output.join('') };
    }),
    ...(rest.length > 0 ? [{ group: 'stages', name: 'the test as a whole', failures: rest } as const] : []),
    ...(faults?.outcomes ?? []).map(({ fault, kind, text, milliseconds }): Case => {
      const failures = isGood(kind) ? [] : [`${kind}: ${text}. Again: ${commandFor(report, fault)}`];
      return { group: 'faults', name: `${fault} (${kind})`, failures, detail: text, milliseconds };
    }),
  ];
}
