/** A kernel on a machine, and the programs that it serves. */
import { numbers } from '../host/architecture.js';
import { close } from '../host/descriptors.js';
import type { Listener } from '../host/seccomp.js';
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
import { setInterfaceFlags } from './traps/ioctl.js';
import { type TrapHandler, trapTable } from './traps/table.js';
import { ANSWERED, type Answer, type Power, PROCEED, Trap } from './traps/trap.js';
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
    if (call === undefined) return;
    const handler = this.#handlers.get(call.number);
    const { kernel, channels, listener } = this;
    const unheard = this.#unheard;
    const calls = this.#calls;
    const { power, placeholder, serial } = this.#options;
    const trap = new Trap(call, { kernel, channels, listener, power, placeholder, unheard, calls, serial });
    const answer = handler === undefined ? PROCEED : this.#guard(handler, trap);
    if (answer === ANSWERED) return;
    // Nobody may be there to take the answer: the program was killed meanwhile, or makes the call again.
    if (answer === PROCEED) listener.proceed(call.id);
    else listener.respond(call.id, answer);
  }

  /** Releases files whose last descriptor is gone. */
  drain(): void {
    if (this.#panicked) return;
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
   * Ends the kernel after its programs. What it handed over stays as it is.
   *
   * @param next the kernel of the next generation: the same one is not ended
   */
  dispose(next?: Kernel): void {
    this.channels.dispose();
    if (this.kernel !== next) this.kernel.shutdown();
    close(this.listener.fd);
  }

  /** An exception that is no refusal is a bug: it ends the kernel, and neither the machine nor the program. */
  #guard(handler: TrapHandler, trap: Trap): Answer {
    if (this.#panicked && !endsComputer(trap)) return withoutKernel(trap);
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

/** Calls that would end the host, were they let go on. They need no kernel of luo's. */
function endsComputer(trap: Trap): boolean {
  const { reboot, kexec_load, kexec_file_load } = numbers;
  return [reboot, kexec_load, kexec_file_load].includes(trap.call.number);
}

/** What is answered once the kernel has panicked: programs go on, but for what they ask of it. */
function withoutKernel(trap: Trap): Answer {
  if (endsComputer(trap)) return -errno.EIO;
  if (trap.call.number !== numbers.ioctl) return PROCEED;
  if (trap.word(1) === SIOCSIFFLAGS) return setInterfaceFlags(trap);
  return iocType(trap.word(1)) === LIVEUPDATE_IOCTL_TYPE ? -errno.EIO : PROCEED;
}
