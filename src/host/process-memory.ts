/** The memory of another process, read and written with its own permissions. */
import { numbers } from './architecture.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

/** The most that one call moves. */
export const TRANSFER_SIZE = 1 << 16;

const vectors = scratch(32);
const transfer = scratch(TRANSFER_SIZE);

/**
 * Reads up to `TRANSFER_SIZE` bytes.
 *
 * @returns as many bytes as could be read before the first page that could not be (a view that the next call
 * overwrites), or the negative error number where not even one could
 */
export function readMemory(pid: number, address: bigint, length: number): Buffer | number {
  const result = move(numbers.process_vm_readv, pid, address, Math.min(length, TRANSFER_SIZE));
  return result < 0 ? result : transfer.bytes.subarray(0, result);
}

/**
 * Writes up to `TRANSFER_SIZE` bytes. Memory that the process itself could not write stays as it is.
 *
 * @returns how many bytes were written, or the negative error number
 */
export function writeMemory(pid: number, address: bigint, bytes: Uint8Array): number {
  transfer.bytes.set(bytes);
  return move(numbers.process_vm_writev, pid, address, bytes.length);
}

// Our side of every transfer is the same memory. Lengths are below 2^32: the upper halves stay 0.
vectors.view.setBigUint64(0, BigInt(transfer.address), true);

function move(number: number, pid: number, address: bigint, length: number): number {
  vectors.view.setUint32(8, length, true);
  vectors.view.setBigUint64(16, address, true);
  vectors.view.setUint32(24, length, true);
  return syscall(number, pid, vectors.address, 1, vectors.address + 16, 1, 0);
}
