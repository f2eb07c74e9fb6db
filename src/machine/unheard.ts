/**
 * Answers that did not reach their programs. Before Linux 5.19 a signal can interrupt a call that luo carries out: its
 * thread makes the call again, and it must not be carried out twice. Since then only a thread that dies hears nothing.
 */
import { readFileSync } from 'node:fs';
import { whenNoneIsPending } from '../host/pending-signals.js';
import { type Listener, type Notification, signalsInterrupt } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import type { AnswerMemory } from './calling-memory.js';
import type { Channel } from './channels.js';

interface Unheard {
  readonly arguments: readonly bigint[];
  readonly channel: Channel;
  /** When the thread was started: its number may be another one's later. */
  readonly thread: string;
  /** The structure as the program gave it, and as it should have got it back. */
  readonly given: Uint8Array;
  readonly answer: Uint8Array;
}

export class UnheardAnswers {
  readonly #byThread = new Map<number, Unheard>();

  /**
   * Carries out a command on a structure and answers it with 0, or as it was answered before where that was not heard.
   *
   * @throws KernelError as `run` does, and EFAULT: it has not been answered then
   */
  answer(call: Notification, listener: Listener, channel: Channel, memory: AnswerMemory, run: () => void): void {
    const unheard = this.#repeated(call, channel, memory);
    if (unheard === undefined) run();
    else memory.answer = unheard.answer;
    if (deliver(memory) && respond(call, listener)) this.#byThread.delete(call.tid);
    else if (unheard === undefined) this.#remember(call, channel, memory);
  }

  #repeated(call: Notification, channel: Channel, memory: AnswerMemory): Unheard | undefined {
    const unheard = this.#byThread.get(call.tid);
    if (unheard === undefined || unheard.channel !== channel || unheard.thread !== startOf(call.tid)) return undefined;
    if (unheard.arguments.some((argument, index) => argument !== call.arguments[index])) return undefined;
    // Made again by Linux, the call finds the structure as luo left it. The program itself may have made it anew.
    const given = Buffer.from(memory.readGiven(unheard.given.length));
    return given.equals(unheard.given) || given.equals(unheard.answer) ? unheard : undefined;
  }

  #remember({ tid, arguments: all }: Notification, channel: Channel, { given, answer }: AnswerMemory): void {
    for (const [other, { thread }] of this.#byThread) {
      if (thread !== startOf(other)) this.#byThread.delete(other);
    }
    const thread = startOf(tid);
    if (thread !== undefined) this.#byThread.set(tid, { arguments: all.slice(0, 3), channel, thread, given, answer });
  }
}

/**
 * Answers 0. Where signals interrupt calls, a thread that one has woken, and that has not got to leaving its call, hears
 * no answer, while the one who answers is told that all went well: it is left to go first.
 */
function respond({ id, tid }: Notification, listener: Listener): boolean {
  return signalsInterrupt ? whenNoneIsPending(tid, () => listener.respond(id, 0)) : listener.respond(id, 0);
}

/** Whether the program was there to get its structure back. */
function deliver(memory: AnswerMemory): boolean {
  try {
    memory.deliver();
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** When a thread was started, or undefined where there is none. */
function startOf(tid: number): string | undefined {
  try {
    // The name, in parentheses, may hold anything. The start is the 22nd word, and the 20th after the name.
    return readFileSync(`/proc/${tid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
  } catch {
    return undefined;
  }
}
