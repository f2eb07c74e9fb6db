/** Calls of a program that has been started before its generation, and that only its own kernel can answer. */
import { numbers } from '../../host/architecture.js';
import { KernelError } from '../../kernel/error.js';
import { opensFileOfKernel } from './open.js';
import type { Trap } from './trap.js';

/**
 * Whether a call waits for the generation of its program. Opens of the device and of serial ports do, which the programs
 * of this generation have; and `reboot` and what is loaded for it, so that they are of the machine as it will be.
 */
export function waitsForGeneration(trap: Trap): boolean {
  try {
    return isOfMachine(trap.call.number) || opensFileOfKernel(trap);
  } catch (error) {
    // The one who answers the call finds out the same.
    if (error instanceof KernelError) return false;
    throw error;
  }
}

/** Calls that would end the host, were they let go on. */
export function isOfMachine(call: number): boolean {
  const { reboot, kexec_load, kexec_file_load } = numbers;
  return [reboot, kexec_load, kexec_file_load].includes(call);
}
