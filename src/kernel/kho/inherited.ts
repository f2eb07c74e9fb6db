/**
 * Reading what the last kernel left in RAM. It may be damaged: whatever it says is checked here before it is used.
 */
import { KernelError } from '../error.js';
import { PAGE_SIZE, PHYSICAL_ADDRESS_LIMIT, type PhysicalAddress, physicalAddress } from '../units.js';

/** `what` was handed over and cannot be true. */
export function corrupt(what: string, why: string): KernelError {
  return new KernelError('EINVAL', `Cannot read the ${what} that the last kernel left: ${why}`);
}

/** @throws KernelError EINVAL where no machine has the address */
export function inheritedAddress(value: bigint, what: string): PhysicalAddress {
  if (value >= PHYSICAL_ADDRESS_LIMIT) throw corrupt(what, `address ${hex(value)} is not below 2^52`);
  return physicalAddress(value);
}

/** @throws KernelError EINVAL where it is no page of RAM; page 0 is none */
export function inheritedPage(ram: Uint8Array, address: PhysicalAddress, what: string): DataView {
  if (address === 0 || address % PAGE_SIZE !== 0 || address + PAGE_SIZE > ram.length) {
    throw corrupt(what, `address ${hex(address)} is no page of RAM that can be used`);
  }
  return new DataView(ram.buffer, ram.byteOffset + address, PAGE_SIZE);
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
