/** From one kernel to the next: freeze, hand over, boot. */
import { KernelError } from '../kernel/error.js';
import { Kernel, type KernelState, type Profile } from '../kernel/kernel.js';
import { errno, errnoName } from '../uapi/errno.js';
import type { Generation } from './generation.js';
import { hostHardware } from './host-hardware.js';

/** What a live update carries over. */
export interface Carried {
  readonly sessions: number;
  readonly files: number;
  readonly bytes: bigint;
}

/** A live update that did not happen. Everything is as before. */
export class LiveUpdateError extends Error {
  override readonly name = 'LiveUpdateError';

  constructor(
    message: string,
    /** What the `reboot` that asked for it returns. Positive. */
    readonly errno: number,
  ) {
    super(message);
  }
}

/**
 * Freezes the generation's kernel and boots the next one from what it hands over: the RAM, the address of the KHO
 * root, and the descriptors of the preserved files. The programs are still there, and the old kernel can go on.
 *
 * @throws LiveUpdateError where a file refuses to be frozen, or the next kernel cannot read the handover: nothing has
 * changed then
 */
export function freezeAndBoot(
  generation: Generation,
  ram: Uint8Array,
  profile: Profile,
): { kernel: Kernel; carried: Carried } {
  const { kernel } = generation;
  if (generation.hasPanicked) {
    throw new LiveUpdateError(
      'Cannot start a live update: the kernel has panicked, and what it preserved cannot be handed over',
      errno.EIO,
    );
  }
  generation.drain();
  const carried = weigh(kernel.state());
  const handover = attempt('freeze the preserved files', () => kernel.reboot());
  try {
    return {
      kernel: attempt('boot the next kernel', () => Kernel.boot(hostHardware(ram), { profile }, handover)),
      carried,
    };
  } catch (error) {
    kernel.cancelReboot();
    throw error;
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const message = `Cannot ${what} (${errnoName(error.errno)}): ${error.message}. The live update is cancelled; nothing was lost`;
    throw new LiveUpdateError(message, error.errno);
  }
}

function weigh({ outgoing, preservedBytes }: KernelState): Carried {
  return {
    sessions: outgoing.length,
    files: outgoing.reduce((sum, session) => sum + session.files.length, 0),
    bytes: preservedBytes,
  };
}
