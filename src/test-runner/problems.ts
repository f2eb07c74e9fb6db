/** What is wrong with a run: each of it is a reason for the test to fail. */

import type { CallEvent, EndEvent, ExitEvent } from '../machine/events.js';
import type { TestPlan } from './plan.js';
import { callsOf, endsOf, exitsOf, generationsOf, type Recording } from './recording.js';
import { describeCall, file, files, session } from './text.js';

export type ProblemKind =
  /** A stage's program exited with another code than 0. */
  | 'exit'
  /** A signal ended it. */
  | 'signal'
  /** A stage took too long. */
  | 'timeout'
  /** It made too many processes. */
  | 'storm'
  /** The machine could not go on: a program that cannot be executed, a kexec that is refused. */
  | 'machine'
  /** The machine was killed. */
  | 'killed'
  /** A stage did not begin. */
  | 'not-reached'
  /** Nothing opened the device. */
  | 'not-opened'
  /** A file could not be preserved, and nothing was done about it. */
  | 'not-preserved'
  /** A session of the last kernel that nobody asked for. */
  | 'session-not-retrieved'
  /** A file of the last kernel that nobody asked for. */
  | 'file-not-retrieved'
  /** A session that was retrieved, and closed or left without FINISH. */
  | 'session-not-finished'
  /** A session that was closed before the kexec and is missed after it, or that the last stage made. */
  | 'session-not-passed'
  /** Something that the kernel still holds. */
  | 'leak';

export interface Problem {
  readonly kind: ProblemKind;
  /** From 1; absent where it is of no stage. */
  readonly stage?: number;
  readonly session?: string;
  /** Decimal. */
  readonly tokens?: readonly string[];
  /** A sentence. */
  readonly text: string;
}

/** All that is wrong, the first cause first. Empty for a run that passes. */
export function problemsOf(recording: Recording, plan: TestPlan): Problem[] {
  // Where the person ended it, nothing that is missing means anything.
  if (recording.interruption?.by === 'person') return [];
  return [
    ...endingsOf(recording),
    ...notReached(recording, plan),
    ...notOpened(recording),
    ...notPreserved(recording),
    ...endsOf(recording).flatMap((end) => [...leftIn(end), ...leaksIn(end)]),
    ...onlyClosed(recording),
    ...notHeld(recording),
    ...notPassed(recording, plan),
  ];
}

function endingsOf(recording: Recording): Problem[] {
  const { interruption, outcome, events, matched } = recording;
  if (interruption?.by === 'timeout') {
    const { stage, seconds } = interruption;
    const last = callsOf(recording).at(-1);
    const did = last === undefined ? 'made no call of live update' : `did last: ${describeCall(last)}`;
    return [{ kind: 'timeout', stage, text: `Stage ${stage} took more than ${seconds} s. It ${did}` }];
  }
  if (interruption?.by === 'storm') {
    const text = `The agent made more than ${interruption.processes - 1} processes. All were ended`;
    return [{ kind: 'storm', text }];
  }
  if (interruption?.by === 'kill') return [{ kind: 'killed', text: 'The machine was killed' }];
  const exit = exitsOf(recording).at(-1);
  const isLast = exit !== undefined && !events.slice(events.indexOf(exit)).some(({ event }) => event === 'restart');
  if (isLast && exit.code !== 0 && !matched.includes(exit.generation)) return [failedExit(exit)];
  return outcome?.failure === undefined ? [] : [{ kind: 'machine', text: outcome.failure }];
}

function failedExit({ generation: stage, code, signal }: ExitEvent): Problem {
  if (signal !== undefined) return { kind: 'signal', stage, text: `Stage ${stage} was ended by ${signal}` };
  return { kind: 'exit', stage, text: `Stage ${stage} exited with ${code}` };
}

function notReached(recording: Recording, { stages }: TestPlan): Problem[] {
  const reached = Math.max(0, ...generationsOf(recording).map(({ generation }) => generation));
  if (reached >= stages.length) return [];
  const text = `Stage ${reached + 1} of ${stages.length} did not begin: "${stages[reached]?.argv.join(' ')}"`;
  return [{ kind: 'not-reached', stage: reached + 1, text }];
}

function notOpened(recording: Recording): Problem[] {
  if (callsOf(recording).some(({ call, error }) => call === 'open' && error === undefined)) return [];
  const text = 'Nothing opened /dev/liveupdate, in no stage: there was no live update to test';
  return [{ kind: 'not-opened', text }];
}

/** ENOENT says that there is no handler for such a file: an agent may try what can be preserved. */
function notPreserved(recording: Recording): Problem[] {
  const calls = callsOf(recording);
  const preserved = new Map<string, CallEvent[]>();
  /** Where a session was closed last, or a file of it preserved. */
  const madeUp = new Map<string, number>();
  /** An agent that tries for ever fails a million times: the last of the same failures stands for them. */
  const failed = new Map<string, { readonly call: CallEvent; readonly index: number }>();
  for (const [index, call] of calls.entries()) {
    const { error, session: name, token, generation, tid } = call;
    const [ofSession, ofFile] = [`${generation} ${name}`, `${generation} ${token} ${name}`];
    if (call.call === 'close' && error === undefined) madeUp.set(ofSession, index);
    if (call.call !== 'PRESERVE_FD') continue;
    if (error === undefined) {
      madeUp.set(ofFile, index);
      preserved.set(`${token} ${name}`, [...(preserved.get(`${token} ${name}`) ?? []), call]);
    } else if (error !== 'ENOENT' && !isThereAlready(call, preserved.get(`${token} ${name}`))) {
      failed.set(`${error} ${tid} ${ofFile}`, { call, index });
    }
  }
  const isMadeUp = ({ generation, token, session: name }: CallEvent, index: number) =>
    [`${generation} ${name}`, `${generation} ${token} ${name}`].some((key) => (madeUp.get(key) ?? -1) > index);
  const found = [...failed.values()]
    .filter(({ call, index }) => !isMadeUp(call, index))
    .map(({ call: { generation: stage, session: name = '', token = '0', error, reason } }): Problem => {
      const why = reason === undefined ? '' : `: ${reason}`;
      const text = `Stage ${stage} did not preserve ${file(token)} of ${session(name)} (${error}), and went on${why}`;
      return { kind: 'not-preserved', stage, session: name, tokens: [token], text };
    });
  return [...new Map(found.map((one) => [one.text, one])).values()];
}

/** Another process preserved it: this one goes on where that one was killed. */
function isThereAlready({ error, tid }: CallEvent, preserved: readonly CallEvent[] = []): boolean {
  return error === 'EEXIST' && preserved.some((one) => one.tid !== tid);
}

function leftIn({ generation: stage, left }: EndEvent): Problem[] {
  return left.flatMap(({ session: name, retrieved, notRetrieved, finished }): Problem[] => {
    const found: Problem[] = [];
    const what = { stage, session: name, tokens: notRetrieved };
    if (!retrieved) {
      const text = `Nothing retrieved ${session(name)} in stage ${stage}: lost with ${files(notRetrieved)}`;
      return [{ kind: 'session-not-retrieved', ...what, text }];
    }
    if (notRetrieved.length > 0) {
      const text = `Nothing retrieved ${files(notRetrieved)} of ${session(name)} in stage ${stage}`;
      found.push({ kind: 'file-not-retrieved', ...what, text });
    }
    if (!finished) {
      const text = `Nothing finished ${session(name)}, which stage ${stage} had retrieved: call FINISH`;
      found.push({ kind: 'session-not-finished', stage, session: name, text });
    }
    return found;
  });
}

function leaksIn({ generation: stage, leaks }: EndEvent): Problem[] {
  return leaks.map((leak) => ({
    kind: 'leak',
    stage,
    text: `At the end of stage ${stage} the kernel still held ${leak}`,
  }));
}

/** The close of a session finishes it, too, but an agent that crashes does the same. */
function onlyClosed(recording: Recording): Problem[] {
  const calls = callsOf(recording).filter(({ error }) => error === undefined);
  const left = endsOf(recording).flatMap((end) => end.left.map((one) => ({ ...one, generation: end.generation })));
  return calls
    .filter(({ call }) => call === 'RETRIEVE_SESSION')
    .filter(({ session: name, generation }) => !isFinished(calls, name, generation))
    .filter(({ session: name, generation }) => !left.some((one) => !one.finished && isOf(one, name, generation)))
    .map(({ session: name = '', generation: stage }) => {
      const text = `Stage ${stage} retrieved ${session(name)} and never finished it: its descriptor was only closed. Call FINISH first`;
      return { kind: 'session-not-finished', stage, session: name, text };
    });
}

function isFinished(calls: readonly CallEvent[], name: string | undefined, generation: number): boolean {
  return calls.some((one) => one.call === 'FINISH' && isOf(one, name, generation));
}

function isOf(one: { session?: string; generation: number }, name: string | undefined, generation: number): boolean {
  return one.session === name && one.generation === generation;
}

/** An agent may give up a session; not one that it asks for after the kexec. */
function notHeld(recording: Recording): Problem[] {
  const calls = callsOf(recording);
  return endsOf(recording)
    .filter(({ by }) => by === 'kexec')
    .flatMap(({ dropped, generation: stage }) =>
      dropped
        .filter((name) => calls.some((one) => asksInVain(one, name) && one.generation === stage + 1))
        .map((name) => {
          const text = `Stage ${stage} closed ${session(name)} before the kexec, so it did not pass: let a process hold it`;
          return { kind: 'session-not-passed', stage, session: name, text };
        }),
    );
}

function asksInVain({ call, session: name, error }: CallEvent, wanted: string): boolean {
  return call === 'RETRIEVE_SESSION' && name === wanted && error === 'ENOENT';
}

/** A stage that goes on until it is ended, or that asks for a kexec, has made them for the next one. */
function notPassed(recording: Recording, { stages }: TestPlan): Problem[] {
  const last = endsOf(recording).at(-1);
  const isTakenOver = last?.by === 'kexec' || recording.matched.includes(last?.generation ?? 0);
  if (last === undefined || last.generation < stages.length || isTakenOver) return [];
  return last.dropped.map((name) => {
    const text = `Stage ${last.generation} made ${session(name)}, and nothing takes it over: it is the last stage`;
    return { kind: 'session-not-passed', stage: last.generation, session: name, text };
  });
}
