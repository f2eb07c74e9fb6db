/** Agents for tests of `luo test`, and what its JSON document says of them. */
import { compile } from './compile.js';
import type { Result } from './luo.js';

export const habits = () => compile('test/agents/habits.c');

/** The stages of an agent with a habit, as arguments of `luo test`. */
export function stages(habit: string): string[] {
  return ['--stage', `${habits()} ${habit} save`, '--stage', `${habits()} ${habit} restore`];
}

export interface Document {
  readonly passed: boolean;
  readonly interrupted: boolean;
  readonly stages: ReadonlyArray<{ code: number | null; runs: ReadonlyArray<{ output: string; omitted: number }> }>;
  readonly problems: ReadonlyArray<{ kind: string; stage: number | null; tokens: readonly string[]; text: string }>;
  readonly faults: {
    readonly total: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly outcomes: ReadonlyArray<{ fault: string; outcome: string; text: string; command: string }>;
  } | null;
}

export function documentIn({ stdout }: Result): Document {
  // `luo test` wrote it.
  return JSON.parse(stdout) as Document;
}
