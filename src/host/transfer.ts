/** The calls that copy between two open files in the kernel. */
import { numbers } from './architecture.js';
import { syscall } from './libc.js';
import { scratch } from './scratch.js';

export type TransferCall = 'sendfile' | 'splice' | 'copy_file_range';

export interface TransferRequest {
  readonly input: number;
  /** Where to read, in bytes; undefined for the position of the open file, which moves. */
  readonly inputOffset: bigint | undefined;
  readonly output: number;
  /** Where to write. `sendfile` knows the position alone. */
  readonly outputOffset: bigint | undefined;
  readonly length: bigint;
  /** Of `splice` and `copy_file_range`. */
  readonly flags: number;
}

const offsets = scratch(16);

/** @returns how many bytes were copied, or the negative error number */
export function transfer(call: TransferCall, request: TransferRequest): number {
  const { input, output, length, flags } = request;
  const from = place(0, request.inputOffset);
  const to = place(8, request.outputOffset);
  if (call === 'sendfile') return syscall(numbers.sendfile, output, input, from, length);
  return syscall(numbers[call], input, from, output, to, length, flags);
}

function place(at: number, offset: bigint | undefined): number {
  if (offset === undefined) return 0;
  offsets.view.setBigInt64(at, offset, true);
  return offsets.address + at;
}

const FIONREAD = 0x541b;
const count = scratch(4);

/** How many bytes a pipe holds, or the negative error number. */
export function bytesInPipe(fd: number): number {
  const result = syscall(numbers.ioctl, fd, FIONREAD, count.address);
  return result < 0 ? result : count.view.getInt32(0, true);
}
