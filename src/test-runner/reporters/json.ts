import { exitsOf } from '../recording.js';
import { commandFor, countOutcomes, hasPassed, type Report } from '../report.js';
import { timelineOf } from '../timeline.js';

/** One JSON document. What it has stays as it is; more may come. docs/testing.md tells what it means. */
export function json(report: Report): string {
  const { plan, recording, problems, faults } = report;
  const exits = exitsOf(recording);
  const document = {
    passed: hasPassed(report),
    interrupted: report.isInterrupted,
    milliseconds: Math.round(report.milliseconds),
    stages: plan.stages.map(({ argv }, index) => {
      const stage = index + 1;
      const exit = exits.filter(({ generation }) => generation === stage).at(-1);
      const runs = recording.tries.filter((one) => one.stage === stage);
      return {
        stage,
        argv,
        code: exit?.code ?? null,
        signal: exit?.signal ?? null,
        runs: runs.map(({ output, omitted }) => ({ output, omitted })),
      };
    }),
    problems: problems.map(({ kind, stage, session, tokens, text }) => {
      return { kind, stage: stage ?? null, session: session ?? null, tokens: tokens ?? [], text };
    }),
    timeline: timelineOf(recording).map(({ at, stage, text }) => ({ at, stage, text })),
    faults:
      faults === undefined
        ? null
        : {
            total: faults.total,
            counts: countOutcomes(faults.outcomes),
            outcomes: faults.outcomes.map(({ fault, kind, stage, text, milliseconds }) => ({
              fault,
              outcome: kind,
              stage: stage ?? null,
              text,
              milliseconds: Math.round(milliseconds),
              command: commandFor(report, fault),
            })),
          },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
