/** What every answer to a trapped system call has at hand. */
import type { Listener, Notification } from '../../host/seccomp.js';
import { KernelError } from '../../kernel/error.js';
import type { UserAddress } from '../../kernel/hardware.js';
import type { Kernel } from '../../kernel/kernel.js';
import { CallingMemory } from '../calling-memory.js';
import type { Channel, Channels } from '../channels.js';
import type { Placeholder } from '../placeholder.js';
import type { SerialPorts } from '../serial/serial-ports.js';
import { CallingTask, descriptorPath } from '../task.js';
import type { UnheardAnswers } from '../unheard.js';
import type { RebootOver, WatchedCalls } from '../watched-calls.js';

/** An image that a program loaded for kexec. luo boots its own kernel whatever the image is. */
export interface LoadedImage {
  /** The path of the kernel's file, where it was given as a file. */
  readonly path?: string;
}

/** How a generation ends. */
export type EndKind = 'kexec' | 'restart' | 'power-off';

/** What calls may change beyond the kernel. */
export interface Power {
  /** What `kexec -l` loaded last, and what `kexec -p` did. */
  image: LoadedImage | undefined;
  crashImage: LoadedImage | undefined;
  /** An image was loaded: a kexec is near. */
  imageLoaded(): void;
  /**
   * Ends the generation once the call that asked for it can be left waiting. It is answered where that fails.
   *
   * @param over told how it went
   */
  end(kind: EndKind, call: Notification, over: RebootOver): void;
}

/** What the calls of a generation are answered with. */
export interface Context {
  readonly kernel: Kernel;
  readonly channels: Channels;
  readonly listener: Listener;
  readonly power: Power;
  /** An empty file that stands for the device where a program opens it for its path only. */
  readonly placeholder: Placeholder;
  readonly unheard: UnheardAnswers;
  /** Through which the calls go that have to do with live update. */
  readonly calls: WatchedCalls;
  /** Undefined where the machine was given none. */
  readonly serial: SerialPorts | undefined;
}

/** The kernel carries the call out as if nothing had happened. */
export const PROCEED = Symbol('proceed');
/** The answer was given already, or will be later. */
export const ANSWERED = Symbol('answered');

/** What a call returns: a number that is not negative, a negative error number, or one of the above. */
export type Answer = number | typeof PROCEED | typeof ANSWERED;

/** A system call that waits for an answer. */
export class Trap {
  constructor(
    readonly call: Notification,
    readonly context: Context,
  ) {}

  get tid(): number {
    return this.call.tid;
  }

  /** An argument as an address. */
  address(index: number): UserAddress {
    // Whatever number a program passes is an address in its memory, if only one that is not mapped.
    return (this.call.arguments[index] ?? 0n) as UserAddress;
  }

  /** The low 32 bits of an argument, unsigned: flags and commands. */
  word(index: number): number {
    return Number((this.call.arguments[index] ?? 0n) & 0xffffffffn);
  }

  /** The low 32 bits of an argument, signed: descriptors and error numbers. */
  int(index: number): number {
    return this.word(index) | 0;
  }

  /** An argument as a signed number of 64 bits: offsets and lengths. */
  long(index: number): bigint {
    return BigInt.asIntN(64, this.call.arguments[index] ?? 0n);
  }

  /**
   * Whether any file is frozen at all: most calls need no closer look. Descriptors that were closed before this call
   * count no more.
   */
  get anyFrozen(): boolean {
    const { kernel, channels } = this.context;
    if (!kernel.hasFrozenFiles) return false;
    channels.drain();
    return kernel.hasFrozenFiles;
  }

  get memory(): CallingMemory {
    return new CallingMemory(this.call, this.context.listener);
  }

  get task(): CallingTask {
    const { listener, channels, kernel } = this.context;
    return new CallingTask(this.call, listener, channels, kernel);
  }

  /** The channel behind a descriptor of the program. */
  channel(fd: number): Channel | undefined {
    return fd < 0 ? undefined : this.context.channels.find(descriptorPath(this.tid, fd));
  }
}

/** What a check of the kernel's answers: the negative error number where it refuses, else the call goes on. */
export function unlessRefused(check: () => void): Answer {
  try {
    check();
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
  return PROCEED;
}
