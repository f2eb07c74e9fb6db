/** A trace for people, in the manner of strace: names, not numbers. */
import type { CallEvent, EndEvent, GenerationEvent, MachineEvent, StepEvent } from './events.js';
import { quoted } from './quote.js';
import { formatBytes, plural } from './report.js';

/** Calls and what lies within them, in the order of their beginning: a call comes before its steps. */
export class TraceLines {
  /** What is over and lies within something that is not. */
  #held: { readonly depth: number; readonly lines: readonly string[] }[] = [];

  /** The lines that can be shown now: none for a step of a call that is under way. */
  format(event: MachineEvent): string[] {
    if (event.event !== 'call' && event.event !== 'step') return [...this.rest(), ...describe(event)];
    const inner = this.#held.filter(({ depth }) => depth > event.depth);
    const lines = [lineOf(event), ...inner.flatMap((one) => one.lines)];
    this.#held = this.#held.filter(({ depth }) => depth <= event.depth);
    if (event.depth === 0) return [...this.rest(), ...lines];
    this.#held.push({ depth: event.depth, lines });
    return [];
  }

  /** What is held, where its call will not come: the machine has ended within it. */
  rest(): string[] {
    return this.#held.splice(0).flatMap(({ lines }) => lines);
  }
}

function lineOf(event: CallEvent | StepEvent): string {
  const what = event.event === 'call' ? describeCall(event) : `${'  '.repeat(event.depth + 1)}${describeStep(event)}`;
  return `${stamp(event.at)} ${what}`;
}

/** Seconds since the machine was started. */
function stamp(at: number): string {
  return `[${(at / 1e6).toFixed(6).padStart(11)}]`;
}

function describeCall(event: CallEvent): string {
  const { tid, call, microseconds } = event;
  return `${tid ?? '-'} ${call}(${argumentsOf(event).join(', ')}) = ${resultOf(event)} <${microseconds} us>`;
}

function argumentsOf({ call, fd, session, token, argument, detail }: CallEvent): string[] {
  const name = session === undefined ? undefined : quoted(session);
  const opens = call.endsWith('_SESSION');
  const target = opens || name === undefined ? '/dev/liveupdate' : `session ${name}`;
  if (call === 'open') return ['"/dev/liveupdate"'];
  return [
    ...(fd === undefined ? [] : [`${fd}<${target}>`]),
    ...(call === 'close' ? [`<${target}>`] : []),
    ...(opens && name !== undefined ? [name] : []),
    ...(argument === undefined ? [] : [`fd ${argument}`]),
    ...(token === undefined ? [] : [`token ${hexOf(token)}`]),
    ...(detail === undefined ? [] : [detail]),
  ];
}

function resultOf({ result, error, reason, injected, call, session }: CallEvent): string {
  const fault = injected === undefined || reason?.includes(injected) ? '' : ` (injected: ${injected})`;
  if (error !== undefined) return `-1 ${error}${reason === undefined ? '' : ` (${reason})`}${fault}`;
  if (result === undefined) return `?${fault}`;
  const opened = call.endsWith('_SESSION') && session !== undefined ? `<session ${quoted(session)}>` : '';
  return `${result}${opened}${fault}`;
}

function describeStep(event: StepEvent): string {
  const { step, session, token, count = 1, pages, retrieved, error, reason, injected, microseconds } = event;
  const subject = [
    ...(session === undefined ? [] : [`session ${quoted(session)}`]),
    ...(token === undefined ? [] : [`token ${hexOf(token)}`]),
    ...(pages === undefined ? [] : [plural(pages, 'page')]),
    ...(retrieved === false ? ['never retrieved'] : []),
  ].join(', ');
  const { who, what } = whoOf(event);
  const times = count === 1 ? '' : ` x ${count}`;
  const failed = error === undefined ? '' : ` = -1 ${error}${reason === undefined ? '' : ` (${reason})`}`;
  const fault = injected === undefined || reason?.includes(injected) ? '' : ` (injected: ${injected})`;
  // Small steps that are told together have no time of their own.
  const time = step === 'allocate' || step.endsWith('_folio') ? '' : ` <${microseconds} us>`;
  return `${who}: ${what}${times}${subject === '' ? '' : ` (${subject})`}${failed}${fault}${time}`;
}

/** Whose step it is, and its name there. */
function whoOf({ step, compatible }: StepEvent): { who: string; what: string } {
  const [, part, what = step] = /^(kho|flb|kexec)_(.*)$/.exec(step) ?? [];
  if (part === 'flb') return { who: `FLB ${quoted(compatible ?? '')}`, what };
  if (part !== undefined) return { who: part === 'kho' ? 'KHO' : part, what };
  return { who: step === 'allocate' ? 'memory' : (compatible ?? 'handler'), what: step };
}

function describe(event: Exclude<MachineEvent, CallEvent | StepEvent>): string[] {
  const line = (text: string) => `${stamp(event.at)} ${text}`;
  switch (event.event) {
    case 'generation':
      return [line(`--- generation ${event.generation}: ${event.argv.map(word).join(' ')}${carriedBy(event)} ---`)];
    case 'exit':
      return [
        line(event.signal === undefined ? `+++ exited with ${event.code} +++` : `+++ killed by ${event.signal} +++`),
      ];
    case 'upgrade':
      return [line(`--- luo ${event.to} goes on for luo ${event.from} ---`)];
    case 'end':
      return [`--- generation ${event.generation} has ended: ${event.by} ---`, ...leftBy(event)].map(line);
  }
}

function carriedBy({ carried }: GenerationEvent): string {
  if (carried === undefined) return '';
  const { sessions, files, bytes } = carried;
  return ` (took over ${plural(sessions, 'session')}, ${plural(files, 'file')}, ${formatBytes(BigInt(bytes))})`;
}

function leftBy({ left, dropped, leaks }: EndEvent): string[] {
  return [
    ...left.map(({ session, retrieved, finished, notRetrieved }) => {
      const how = finished ? 'was finished' : retrieved ? 'was retrieved, and not finished' : 'was never retrieved';
      const tokens = notRetrieved.map(hexOf).join(', ');
      return `    lost: session ${quoted(session)} ${how}${tokens === '' ? '' : `; files never retrieved: token ${tokens}`}`;
    }),
    ...dropped.map((session) => `    dropped: session ${quoted(session)} of this generation does not pass`),
    ...leaks.map((leak) => `    leaked: ${leak}`),
  ];
}

function word(text: string): string {
  return /^[^\s"\p{C}]+$/u.test(text) ? text : quoted(text);
}

function hexOf(token: string): string {
  return `0x${BigInt(token).toString(16)}`;
}
