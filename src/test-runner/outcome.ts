/** What an agent made of a fault. */

import type { ExitEvent } from '../machine/events.js';
import { parseFault } from '../machine/fault-parser.js';
import type { Fault } from '../machine/faults.js';
import type { TestPlan } from './plan.js';
import { type Problem, problemsOf } from './problems.js';
import { callsOf, exitsOf, isMachineEvent, type Recording } from './recording.js';
import { file, session } from './text.js';

/**
 * - `handled`: the test passes, and no stage had to be run once more: all state survived.
 * - `gave-up`: a stage exited with a code other than 0, or was killed by the fault, and all is there when it is run once
 *   more; or nothing is missing but what the fault itself destroyed.
 * - `lost`: something else is wrong in the end: a file that passes without the fault did not, a stage failed twice.
 * - `hung`: a stage took longer than it may.
 * - `crashed`: a signal ended the agent that the fault did not send.
 * - `missed`: the fault did not strike, as the agent did something else this time.
 */
export const outcomes = ['handled', 'gave-up', 'lost', 'hung', 'crashed', 'missed'] as const;
export type OutcomeKind = (typeof outcomes)[number];

/** Whether a sweep with such an outcome passes. */
export function isGood(kind: OutcomeKind): boolean {
  return kind === 'handled' || kind === 'gave-up' || kind === 'missed';
}

export interface FaultOutcome {
  readonly fault: string;
  readonly kind: OutcomeKind;
  /** The stage in which it struck, from 1. */
  readonly stage?: number;
  /** What happened, in a few words. */
  readonly text: string;
  readonly milliseconds: number;
}

/**
 * @param clean a run without a fault, which passes
 * @param recording the run with it
 * @param afterwards where the machine was killed, a run from a cold boot
 */
export function judge(
  text: string,
  plan: TestPlan,
  clean: Recording,
  recording: Recording,
  afterwards?: Recording,
): FaultOutcome {
  const fault = parseFault(text);
  const struck = recording.events
    .filter(isMachineEvent)
    .find((event) => 'injected' in event && event.injected === text);
  const where = struck === undefined ? {} : { stage: struck.generation };
  const milliseconds = recording.milliseconds + (afterwards?.milliseconds ?? 0);
  return { fault: text, ...where, ...find(fault, struck !== undefined), milliseconds };

  function find(fault: Fault, hasStruck: boolean): Pick<FaultOutcome, 'kind' | 'text'> {
    if (fault.point === 'kill_machine') return afterKill(plan, recording, afterwards);
    const problems = problemsOf(recording, plan);
    const [first] = problems;
    if (first?.kind === 'timeout' || first?.kind === 'storm') return { kind: 'hung', text: first.text };
    const crash = exitsOf(recording).find((exit) => isCrash(exit.signal, exit.generation, fault, recording));
    if (crash !== undefined) return { kind: 'crashed', text: `stage ${crash.generation} was ended by ${crash.signal}` };
    const missing = missingFiles(clean, recording);
    if (first === undefined && missing.length === 0) return passed(recording, hasStruck);
    if (!hasStruck && first === undefined) return { kind: 'missed', text: 'the fault did not strike' };
    if (onlyTheFaults(fault, problems, missing))
      return { kind: 'gave-up', text: 'nothing is missing but the file that the fault took' };
    return { kind: 'lost', text: lostText(recording, problems, missing) };
  }
}

function passed(recording: Recording, hasStruck: boolean): Pick<FaultOutcome, 'kind' | 'text'> {
  if (!hasStruck) return { kind: 'missed', text: 'the fault did not strike' };
  if (restarts(recording) === 0) return { kind: 'handled', text: 'all state survived' };
  const exit = firstFailure(recording);
  const how = exit?.signal === undefined ? `exited with ${exit?.code}` : 'was killed';
  return { kind: 'gave-up', text: `stage ${exit?.generation} ${how}; run once more, all state is there` };
}

/** The exit that made a stage run once more. */
function firstFailure({ events }: Recording): ExitEvent | undefined {
  const index = events.findIndex(({ event }) => event === 'restart');
  return events.slice(0, Math.max(0, index)).findLast((event) => event.event === 'exit');
}

function restarts({ events }: Recording): number {
  return events.filter(({ event }) => event === 'restart').length;
}

/** As on a computer that loses power: nothing is there, and the agent must be able to begin again. */
function afterKill(
  plan: TestPlan,
  recording: Recording,
  afterwards: Recording | undefined,
): Pick<FaultOutcome, 'kind' | 'text'> {
  if (recording.interruption?.by === 'timeout')
    return { kind: 'hung', text: problemsOf(recording, plan)[0]?.text ?? '' };
  if (recording.interruption?.by !== 'kill') return { kind: 'missed', text: 'the machine was not killed' };
  const [problem] = afterwards === undefined ? [] : problemsOf(afterwards, plan);
  if (problem === undefined)
    return { kind: 'gave-up', text: 'the machine was killed; all works again from a cold boot' };
  if (problem.kind === 'timeout') return { kind: 'hung', text: `from a cold boot: ${problem.text}` };
  return { kind: 'lost', text: `from a cold boot: ${problem.text}` };
}

function isCrash(signal: string | undefined, stage: number, fault: Fault, recording: Recording): boolean {
  if (signal === undefined || recording.matched.includes(stage)) return false;
  return signal !== 'SIGKILL' || fault.point !== 'kill_agent';
}

interface RetrievedFile {
  readonly generation: number;
  readonly session: string;
  readonly token: string;
}

/** Files that a clean run got back from a kexec, and this one did not: each kexec counts. */
function missingFiles(clean: Recording, recording: Recording): RetrievedFile[] {
  const found = new Set(retrievedFiles(recording).map(key));
  return retrievedFiles(clean).filter((one) => !found.has(key(one)));
}

function retrievedFiles(recording: Recording): RetrievedFile[] {
  return callsOf(recording).flatMap(({ call, error, session: name, token, generation }) =>
    call === 'RETRIEVE_FD' && error === undefined && name !== undefined && token !== undefined
      ? [{ generation, session: name, token }]
      : [],
  );
}

function key({ generation, session: name, token }: RetrievedFile): string {
  return `${generation} ${token} ${name}`;
}

/** A file whose `retrieve` fails is gone for good: Linux does not try it again. */
function onlyTheFaults(fault: Fault, problems: readonly Problem[], missing: readonly RetrievedFile[]): boolean {
  if (fault.point !== 'retrieve') return false;
  const isIts = (name: string | undefined, token: string) =>
    (fault.session === undefined || fault.session === name) &&
    (fault.token === undefined || fault.token === BigInt(token));
  return (
    missing.every(({ session: name, token }) => isIts(name, token)) &&
    problems.every(
      ({ kind, session: name, tokens = [] }) =>
        (kind === 'file-not-retrieved' || kind === 'session-not-finished') &&
        (fault.session === undefined || fault.session === name) &&
        tokens.every((token) => isIts(name, token)),
    )
  );
}

function lostText(recording: Recording, problems: readonly Problem[], missing: readonly RetrievedFile[]): string {
  const again = restarts(recording) === 0 ? '' : '; it was run once more: ';
  const first = firstFailure(recording);
  const how = again === '' || first === undefined ? '' : `stage ${first.generation} ${endOf(first)}${again}`;
  const [problem] = problems;
  if (problem !== undefined) return `${how}${problem.text}`;
  const [one] = missing;
  const rest = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return `${how}${one === undefined ? '' : `${file(one.token)} of ${session(one.session)}${rest} did not pass`}`;
}

function endOf({ code, signal }: { code?: number; signal?: string }): string {
  return signal === undefined ? `exited with ${code}` : 'was killed';
}
