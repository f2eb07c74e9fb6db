/** What happened in a run, as a short list. */
import type { CallEvent, EndEvent, GenerationEvent, MachineEvent } from '../machine/events.js';
import { formatBytes, plural } from '../machine/report.js';
import { isMachineEvent, type Recording } from './recording.js';
import type { WorkerEvent } from './worker-protocol.js';

export interface Moment {
  /** Milliseconds since the machine was started. */
  readonly at: number;
  readonly stage: number;
  /** Whether a stage or a kexec begins here, and what follows belongs to it. */
  readonly isHead: boolean;
  readonly text: string;
}

export function timelineOf({ events }: Recording): Moment[] {
  const moments: Moment[] = [];
  const calls: CallEvent[] = [];
  let last: MachineEvent | undefined;
  const flush = () => {
    const [first] = calls;
    const text = describeCalls(calls);
    if (first !== undefined && text !== '') moments.push(moment(first, false, text));
    calls.length = 0;
  };
  for (const event of events) {
    if (event.event === 'call') calls.push(event);
    if (event.event === 'call' && event.error !== undefined) flush();
    if (event.event === 'step') {
      if (event.injected === undefined) continue;
      flush();
      moments.push(
        moment(
          event,
          false,
          `${event.step}${event.error === undefined ? '' : ` failed with ${event.error}`} (fault: ${event.injected})`,
        ),
      );
      continue;
    }
    if (isMachineEvent(event)) last = event;
    if (event.event === 'call') continue;
    flush();
    moments.push(...ofOthers(event, last));
  }
  flush();
  return withoutRepetitions(moments);
}

/** What an agent tries again and again is said once. */
function withoutRepetitions(moments: readonly Moment[]): Moment[] {
  const groups: Moment[][] = [];
  for (const one of moments) {
    const group = groups.at(-1);
    if (group?.[0]?.text === one.text && !one.isHead) group.push(one);
    else groups.push([one]);
  }
  return groups.flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    return [others.length === 0 ? first : { ...first, text: `${first.text}, ${others.length + 1} times` }];
  });
}

function ofOthers(event: Exclude<WorkerEvent, { event: 'call' | 'step' }>, last: MachineEvent | undefined): Moment[] {
  switch (event.event) {
    case 'generation':
      return [moment(event, true, `stage ${event.generation}: ${event.argv.join(' ')}${carried(event)}`)];
    case 'exit':
      return [
        moment(event, false, event.signal === undefined ? `exited with ${event.code}` : `ended by ${event.signal}`),
      ];
    case 'end':
      return [moment(event, true, endText(event))];
    case 'restart':
      return last === undefined ? [] : [moment(last, false, 'the stage is run once more, on the same kernel')];
    case 'refused':
      return last === undefined ? [] : [moment(last, false, `kexec refused: ${event.reason}`)];
    case 'upgrade':
    case 'matched':
    case 'over':
      return [];
  }
}

function moment({ at, generation }: MachineEvent, isHead: boolean, text: string): Moment {
  return { at: at / 1000, stage: generation, isHead, text };
}

function carried({ carried: what }: GenerationEvent): string {
  if (what === undefined) return '';
  const parts = [plural(what.sessions, 'session'), plural(what.files, 'file'), formatBytes(BigInt(what.bytes))];
  return ` (with ${parts.join(', ')})`;
}

function endText({ by, generation }: EndEvent): string {
  if (by === 'kexec') return 'kexec';
  return by === 'restart' ? 'restart without kexec: nothing passes' : `end of stage ${generation}`;
}

const verbs: ReadonlyMap<string, [verb: string, noun: string]> = new Map([
  ['open', ['opened', 'device']],
  ['CREATE_SESSION', ['created', 'session']],
  ['PRESERVE_FD', ['preserved', 'file']],
  ['RETRIEVE_SESSION', ['retrieved', 'session']],
  ['RETRIEVE_FD', ['retrieved', 'file']],
  ['FINISH', ['finished', 'session']],
]);

/** Calls that follow each other, in numbers; one that failed is the last of them. */
function describeCalls(calls: readonly CallEvent[]): string {
  const counts = new Map<string, number>();
  for (const { call, error } of calls) if (error === undefined) counts.set(call, (counts.get(call) ?? 0) + 1);
  const done = [...counts].flatMap(([call, count]) => {
    const [verb, noun] = verbs.get(call) ?? [];
    return verb === undefined || noun === undefined ? [] : [`${verb} ${plural(count, noun)}`];
  });
  const failed = calls.at(-1);
  const failure = failed?.error === undefined ? [] : [failedText(failed)];
  return [...done, ...failure].join(', ');
}

function failedText({ call, error, injected }: CallEvent): string {
  return `${call} failed with ${error}${injected === undefined ? '' : ` (fault: ${injected})`}`;
}
