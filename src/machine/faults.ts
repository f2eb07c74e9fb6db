/**
 * Faults that the world has for an agent, one at a time: `--inject 'retrieve_fd:token=0x1a:errno=ENOMEM:nth=2'`.
 *
 *     POINT[:session=NAME][:token=NUMBER][:errno=NAME][:nth=NUMBER][:generation=NUMBER][…]
 *
 * The point is where the fault strikes. It strikes once. Without `session`, `token` or `generation`, any will do; `nth`
 * counts those that match, from 1, and is 1 where it is not given.
 */
import type { ErrnoName } from '../uapi/errno.js';
import type { KexecStep } from './events.js';

/** A call of the agent that is refused before luo does anything: a name of `CallEvent.call` in lower case. */
export const callPoints = [
  'open',
  'create_session',
  'retrieve_session',
  'preserve_fd',
  'retrieve_fd',
  'finish',
  'get_name',
  'reboot',
] as const;

/** Calls that give the program a descriptor, for which there may be no room. */
export const givingCalls = ['open', 'create_session', 'retrieve_session', 'retrieve_fd'] as const;

/** Calls that come back to the program that made them. */
export const returningCalls = callPoints.filter((call) => call !== 'reboot');

/** Any of several calls, which `call` narrows down. */
export const anyCallPoints = ['emfile', 'eintr'] as const;

/** A step within the kernel that fails: a name of `StepEvent.step`. */
export const stepPoints = [
  'preserve',
  'freeze',
  'retrieve',
  'can_finish',
  'flb_preserve',
  'flb_retrieve',
  'allocate',
] as const;

/** A process is killed after a call or in the middle of a kexec; the agent before a call, too. */
export const killPoints = ['kill_agent', 'kill_machine', 'kill_keeper'] as const;
export type KillPoint = (typeof killPoints)[number];

export const faultPoints = [...callPoints, ...anyCallPoints, ...stepPoints, ...killPoints] as const;
export type FaultPoint = (typeof faultPoints)[number];
export type CallPoint = (typeof callPoints)[number];

export interface Fault {
  readonly point: FaultPoint;
  /** As it was given. */
  readonly text: string;
  readonly session?: string;
  readonly token?: bigint;
  /** What the call or the step fails with. None where something is killed. */
  readonly errno?: ErrnoName;
  readonly nth: number;
  readonly generation?: number;
  /** Of `emfile` and `eintr`: which call. */
  readonly call?: CallPoint;
  /** Of those that kill: the call that luo carries out last, or the one that it does not carry out any more. */
  readonly after?: CallPoint | KexecStep;
  readonly before?: CallPoint;
}
