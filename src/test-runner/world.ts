/** Every point of a clean run at which the world can refuse: one fault for each. */
import { type CallEvent, kexecSteps, type StepEvent } from '../machine/events.js';
import {
  type CallPoint,
  callPoints,
  type FaultPoint,
  givingCalls,
  returningCalls,
  stepPoints,
} from '../machine/faults.js';
import { callsOf, endsOf, type Recording, stepsOf } from './recording.js';

/** What a call is refused with besides EINTR; the first one only where a sweep is to be short. */
const refusals: Readonly<Record<CallPoint, readonly string[]>> = {
  open: ['EBUSY'],
  create_session: ['ENOMEM'],
  retrieve_session: ['ENOMEM'],
  preserve_fd: ['ENOMEM'],
  retrieve_fd: ['ENOMEM'],
  finish: ['EBUSY'],
  get_name: [],
  reboot: ['EBUSY'],
};

/**
 * The faults of a sweep, each once, in the order in which they strike.
 *
 * @param points those that are wanted; all by default
 */
export function faultsOf(recording: Recording, points?: readonly FaultPoint[]): string[] {
  const kexecs = endsOf(recording).filter(({ by }) => by === 'kexec').length;
  const found = [
    ...faultsOfCalls(callsOf(recording)),
    ...faultsOfSteps(stepsOf(sinceAgent(recording))),
    ...faultsOfKexecs(kexecs, callsOf(recording)),
  ];
  const wanted = points === undefined ? found : found.filter((text) => points.some((point) => isAt(text, point)));
  return [...new Set(wanted)];
}

/** Where the first kernel does not boot, there is no agent that could do anything about it. */
function sinceAgent(recording: Recording): Recording {
  const { events } = recording;
  const begun = events.findIndex(({ event }) => event === 'generation');
  return { ...recording, events: events.slice(Math.max(0, begun)) };
}

function isAt(text: string, point: FaultPoint): boolean {
  return text === point || text.startsWith(`${point}:`);
}

function faultsOfCalls(calls: readonly CallEvent[]): string[] {
  const count = new Counter();
  return calls.flatMap((event, index) => {
    const point = pointOf(event);
    if (point === undefined) return [];
    const where = place(event, count.next(`${point} ${place(event)}`));
    return [
      ...(index === firstCall(calls) ? [`kill_agent:before=${point}`] : []),
      ...refusals[point].map((error) => `${point}${where}:errno=${error}`),
      ...(isOf(returningCalls, point) ? [`eintr:call=${point}${where}`] : []),
      ...(isOf(givingCalls, point) && event.error === undefined ? [`emfile:call=${point}${where}`] : []),
      ...(isOf(returningCalls, point) ? [`kill_agent:after=${point}${where}`] : []),
    ];
  });
}

function isOf(calls: readonly CallPoint[], point: CallPoint): boolean {
  return calls.includes(point);
}

function firstCall(calls: readonly CallEvent[]): number {
  return calls.findIndex((event) => returningCalls.some((call) => call === pointOf(event)));
}

function pointOf({ call }: CallEvent): CallPoint | undefined {
  return callPoints.find((point) => point === call.toLowerCase());
}

const steps: ReadonlyMap<string, string> = new Map([
  ['preserve', 'ENOMEM'],
  ['freeze', 'EBUSY'],
  ['retrieve', 'ENOMEM'],
  ['can_finish', 'EBUSY'],
  ['flb_preserve', 'ENOMEM'],
  ['flb_retrieve', 'ENOMEM'],
  ['allocate', 'ENOMEM'],
]);

function faultsOfSteps(events: readonly StepEvent[]): string[] {
  const count = new Counter();
  return events.flatMap((event) => {
    const point = stepPoints.find((one) => one === event.step);
    const error = steps.get(event.step);
    if (point === undefined || error === undefined || event.error !== undefined) return [];
    if (point === 'allocate' || point.startsWith('flb_')) {
      // Many that are one after the other fail alike: the first and the last stand for them.
      const last = event.nth + (event.count ?? 1) - 1;
      return [event.nth, last].map((nth) => `${point}:nth=${nth}:errno=${error}`);
    }
    return [`${point}${place(event, count.next(`${point} ${place(event)}`))}:errno=${error}`];
  });
}

/** A kexec that luo does can be refused like one that the agent asks for, and each can be cut short. */
function faultsOfKexecs(kexecs: number, calls: readonly CallEvent[]): string[] {
  const asked = calls.some(({ call }) => call === 'reboot');
  return Array.from({ length: kexecs }, (_, index) => index + 1).flatMap((generation) => [
    ...(asked ? [] : [`reboot:errno=EBUSY:generation=${generation}`]),
    // Many files are frozen, and all other steps are there once in a kexec.
    ...kexecSteps.map((step) => {
      return `kill_machine:after=${step}:${step === 'freeze' ? `generation=${generation}` : `nth=${generation}`}`;
    }),
  ]);
}

/** What tells a call or a step from others of its name. */
function place({ session, token }: Pick<CallEvent, 'session' | 'token'>, nth = 1): string {
  const name = session === undefined ? '' : `:session=${settingValue(session)}`;
  const number = token === undefined ? '' : `:token=0x${BigInt(token).toString(16)}`;
  return `${name}${number}${nth === 1 ? '' : `:nth=${nth}`}`;
}

/** In quotes where it could be taken for something else. */
function settingValue(text: string): string {
  return /^[\w.@+/-]+$/.test(text) ? text : JSON.stringify(text);
}

class Counter {
  readonly #counts = new Map<string, number>();

  /** How many of them there have been, with this one. */
  next(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
