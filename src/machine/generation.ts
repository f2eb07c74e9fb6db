/** A kernel on a machine, and the programs that it serves. */
import { numbers } from '../host/architecture.js';
import { close } from '../host/descriptors.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import type { Kernel } from '../kernel/kernel.js';
import { errno } from '../uapi/errno.js';
import { iocType } from '../uapi/ioctl.js';
import { LIVEUPDATE_IOCTL_TYPE } from '../uapi/liveupdate.js';
import { Channels } from './channels.js';
import { SIOCSIFFLAGS } from './filter.js';
import type { Placeholder } from './placeholder.js';
import type { Remains } from './remains.js';
import { say } from './report.js';
import { isOutOfDescriptors } from './reserve.js';
import type { SerialPorts } from './serial/serial-ports.js';
import { isOfMachine, waitsForGeneration } from './traps/held.js';
import { setInterfaceFlags } from './traps/ioctl.js';
import { type TrapHandler, trapTable } from './traps/table.js';
import { ANSWERED, type Answer, type Context, type Power, PROCEED, Trap } from './traps/trap.js';
import { UnheardAnswers } from './unheard.js';
import { WatchedCalls } from './watched-calls.js';
import type { Watching } from './watched-kernel.js';

export interface GenerationOptions {
  readonly number: number;
  readonly kernel: Kernel;
  readonly listener: Listener;
  readonly strict: boolean;
  readonly placeholder: Placeholder;
  readonly serial: SerialPorts | undefined;
  readonly power: Power;
  readonly watching: Watching;
  readonly remains: Remains;
  /** Called once, at the first exception that is a bug of the kernel or of the traps. */
  panicked(error: unknown): void;
}

export class Generation {
  readonly number: number;
  readonly kernel: Kernel;
  readonly listener: Listener;
  readonly channels: Channels;
  /** What is left of it when it ends. */
  readonly remains: Remains;
  readonly #unheard = new UnheardAnswers();
  readonly #options: GenerationOptions;
  readonly #handlers: ReadonlyMap<number, TrapHandler>;
  readonly #calls: WatchedCalls;
  #panicked = false;
  #disposed = false;
  /** luo has run out of descriptors in this generation. */
  #full = false;

  constructor(options: GenerationOptions) {
    this.number = options.number;
    this.kernel = options.kernel;
    this.listener = options.listener;
    this.#options = options;
    this.remains = options.remains;
    this.#calls = new WatchedCalls(options.watching, options.number, options.remains);
    this.channels = new Channels((file) => this.#calls.release(file, () => file.put()));
    this.#handlers = trapTable(options.strict);
  }

  /** Whether a bug has ended the kernel. Its memory is as it was then; no call is answered from it any more. */
  get hasPanicked(): boolean {
    return this.#panicked;
  }

  /** Whether every session that the last generation left was finished, or there is none to be had. */
  get hasTakenOver(): boolean {
    if (this.#panicked) return true;
    try {
      return this.kernel.state().incoming.every(({ finished }) => finished);
    } catch {
      // A handler of somebody's fails to tell the size of a file.
      return true;
    }
  }

  /** Answers one system call, when the listener is readable. */
  serve(): void {
    const call = this.listener.receive();
    if (call !== undefined) this.answer(call);
  }

  /** Answers a call that was taken from its listener. */
  answer(call: Notification): void {
    this.#answer(new Trap(call, this.#contextOf(this.listener)));
  }

  /**
   * Answers a call of a program that was started for the next generation, and is a process of this one until then.
   *
   * @param listener that the call was taken from
   * @returns whether it was answered: the others are for the kernel of the next generation
   */
  answerGuest(call: Notification, listener: Listener): boolean {
    const context = this.#contextOf(listener);
    if (waitsForGeneration(new Trap(call, context))) return false;
    // Ports are those of this generation's programs.
    this.#answer(new Trap(call, { ...context, serial: undefined }));
    return true;
  }

  #contextOf(listener: Listener): Context {
    const { kernel, channels } = this;
    const { power, placeholder, serial } = this.#options;
    return {
      kernel,
      channels,
      listener,
      power,
      placeholder,
      unheard: this.#unheard,
      calls: this.#calls,
      serial,
    };
  }

  #answer(trap: Trap): void {
    const { call } = trap;
    const { listener } = trap.context;
    const handler = this.#handlers.get(call.number);
    const answer = handler === undefined ? PROCEED : this.#guard(handler, trap);
    if (answer === ANSWERED) return;
    // Nobody may be there to take the answer: the program was killed meanwhile, or makes the call again.
    if (answer === PROCEED) listener.proceed(call.id);
    else listener.respond(call.id, answer);
  }

  /** Releases files whose last descriptor is gone. */
  drain(): void {
    if (this.#panicked || this.#disposed) return;
    try {
      this.channels.drain();
    } catch (error) {
      if (!(error instanceof KernelError)) this.panic(error);
    }
  }

  /** luo is about to end the programs: what they have let go of by now, they have closed by themselves. */
  endBegins(): void {
    this.drain();
    this.remains.endBegins();
  }

  /** A bug has shown: the kernel answers nothing any more, and its programs go on. */
  panic(error: unknown): void {
    this.#panicked = true;
    this.#options.panicked(error);
  }

  /**
   * Ends the kernel after its programs, once. What it handed over stays as it is.
   *
   * @param next the kernel of the next generation: the same one is not ended
   */
  dispose(next?: Kernel): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.channels.dispose();
    if (this.kernel !== next) this.kernel.shutdown();
    close(this.listener.fd);
  }

  /** An exception that is no refusal is a bug: it ends the kernel, and neither the machine nor the program. */
  #guard(handler: TrapHandler, trap: Trap): Answer {
    if (this.#panicked && !isOfMachine(trap.call.number)) return withoutKernel(trap);
    try {
      return handler(trap);
    } catch (error) {
      if (error instanceof KernelError || isOutOfDescriptors(error)) return this.#refusal(error);
      this.panic(error);
      return withoutKernel(trap);
    }
  }

  #refusal(error: unknown): Answer {
    const code = error instanceof KernelError ? error.code : 'ENFILE';
    // The program learns the number alone. That luo, and not the program, has too few descriptors is for the person.
    if (code === 'ENFILE' && !this.#full) {
      this.#full = true;
      say(
        `Cannot take more descriptors for the programs: luo has used up its own. Nothing is lost, and programs get ENFILE. ` +
          'Raise the hard limit before luo is started: ulimit -Hn',
      );
    }
    // Nobody waits for the answer of a call that was interrupted.
    return code === 'ESRCH' ? -errno.EINTR : -errno[code];
  }
}

/** What is answered once the kernel has panicked: programs go on, but for what they ask of it. */
function withoutKernel(trap: Trap): Answer {
  // What would end the host, were it let go on, needs no kernel of luo's.
  if (isOfMachine(trap.call.number)) return -errno.EIO;
  if (trap.call.number !== numbers.ioctl) return PROCEED;
  if (trap.word(1) === SIOCSIFFLAGS) return setInterfaceFlags(trap);
  return iocType(trap.word(1)) === LIVEUPDATE_IOCTL_TYPE ? -errno.EIO : PROCEED;
}
