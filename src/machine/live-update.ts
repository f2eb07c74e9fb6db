/** From one kernel to the next: freeze, hand over, boot. */
import { KernelError } from '../kernel/error.js';
import { Kernel, type KernelState, type Profile } from '../kernel/kernel.js';
import { errno, errnoName } from '../uapi/errno.js';
import type { Carried, Change } from './change.js';
import type { Generation } from './generation.js';
import { hostHardware } from './host-hardware.js';

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
 * The kernel of the next generation.
 *
 * @throws LiveUpdateError where a kexec is refused: nothing has changed then
 */
export function nextKernel(
  kind: Change['kind'],
  generation: Generation | undefined,
  ram: Uint8Array,
  profile: Profile,
): { kernel: Kernel; carried: Carried | undefined } {
  if (kind === 'kexec' && generation !== undefined) return freezeAndBoot(generation, ram, profile);
  const isSame = kind === 'resume' && generation !== undefined;
  return { kernel: isSame ? generation.kernel : Kernel.boot(hostHardware(ram), { profile }), carried: undefined };
}

/**
 * Freezes the generation's kernel and boots the next one from what it hands over: the RAM, the address of the KHO
 * root, and the descriptors of the preserved files. The programs are still there, and the old kernel can go on.
 *
 * @throws LiveUpdateError where a file refuses to be frozen, or the next kernel cannot read the handover: nothing has
 * changed then
 */
function freezeAndBoot(
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

/** What a kernel holds: of its programs, and of the last kernel. */
export function preservedBy(kernel: Kernel | undefined): { sessions: number; files: number; bytes: string } {
  if (kernel === undefined) return { sessions: 0, files: 0, bytes: '0' };
  const { outgoing, incoming, preservedBytes } = kernel.state();
  const sessions = [...outgoing, ...incoming];
  return {
    sessions: sessions.length,
    files: sessions.reduce((sum, session) => sum + session.files.length, 0),
    bytes: String(preservedBytes),
  };
}

function weigh({ outgoing, preservedBytes }: KernelState): Carried {
  return {
    sessions: outgoing.length,
    files: outgoing.reduce((sum, session) => sum + session.files.length, 0),
    bytes: preservedBytes,
  };
}
