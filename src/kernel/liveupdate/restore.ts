/** Memory that the last kernel preserved, by an address that it wrote down: nothing is certain about that. */
import { KernelError } from '../error.js';
import type { Folio } from '../kho/folio.js';
import type { HandoverMemory } from '../kho/kho.js';
import { PAGE_SIZE, type PhysicalAddress, physicalAddress } from '../units.js';

/**
 * Takes preserved RAM over, with one reference.
 *
 * @param what what is read, for the message
 * @throws KernelError EINVAL where nothing in RAM was preserved there, or it was taken over before
 */
export function restorePreserved(kho: HandoverMemory, address: bigint, what: string): Folio {
  return kho.restoreRamFolio(find(kho, address, what).address);
}

/**
 * The bytes of preserved RAM, which stays as it is.
 *
 * @throws KernelError EINVAL as `restorePreserved`
 */
export function peekPreserved(kho: HandoverMemory, address: bigint, what: string): Uint8Array {
  const found = find(kho, address, what);
  return kho.memory.bytes(found.address, PAGE_SIZE * 2 ** found.order);
}

function find(kho: HandoverMemory, address: bigint, what: string): { address: PhysicalAddress; order: number } {
  // RAM is far below what a number holds exactly.
  if (address > 0n && address < BigInt(kho.memory.ram.length)) {
    const inRam = physicalAddress(address);
    const preserved = kho.isPreserved(inRam);
    if (preserved !== undefined) return { address: inRam, order: preserved.order };
  }
  throw new KernelError('EINVAL', `Cannot read ${what}: no memory was preserved at address 0x${address.toString(16)}`);
}
