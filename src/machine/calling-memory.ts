/** The memory of a program that waits in a system call. */
import { readMemory, TRANSFER_SIZE, writeMemory } from '../host/process-memory.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import type { UserAddress, UserMemory } from '../kernel/hardware.js';

/** The program is gone or its call was interrupted: nobody waits for the answer. */
export function gone(call: Notification): KernelError {
  return new KernelError('ESRCH', `Cannot go on with a call of thread ${call.tid}: it ended meanwhile`);
}

/** As much as the structures of live update have. */
const READ_AHEAD = 128;
/** Most paths are shorter. */
const TEXT_PART = 256;

const NOTHING = new Uint8Array();

function leftInPage(address: bigint): number {
  return 4096 - Number(address & 4095n);
}

/** A copy in memory that Node shares out: an array with memory of its own costs more than the call that filled it. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes);
}

/** Memory of the thread that made a call. */
export class CallingMemory implements UserMemory {
  readonly #call: Notification;
  readonly #listener: Listener;
  #ahead: Uint8Array = NOTHING;
  #aheadFrom = 0n;

  constructor(call: Notification, listener: Listener) {
    this.#call = call;
    this.#listener = listener;
  }

  read(address: UserAddress, length: number): Uint8Array {
    return this.#known(address, length) ?? this.#readAhead(address, length) ?? this.#readAll(address, length);
  }

  #known(address: UserAddress, length: number): Uint8Array | undefined {
    const start = Number(address - this.#aheadFrom);
    const isKnown = start >= 0 && start + length <= this.#ahead.length;
    return isKnown ? copyOf(this.#ahead.subarray(start, start + length)) : undefined;
  }

  /** A structure is read in two steps, its size first: the second one need not ask again. */
  #readAhead(address: UserAddress, length: number): Uint8Array | undefined {
    const part = readMemory(this.#call.tid, address, Math.min(READ_AHEAD, leftInPage(address)));
    if (typeof part === 'number' || part.length < length) return undefined;
    this.#checkCaller();
    this.#ahead = copyOf(part);
    this.#aheadFrom = address;
    return copyOf(this.#ahead.subarray(0, length));
  }

  #readAll(address: UserAddress, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const part = readMemory(this.#call.tid, address + BigInt(done), length - done);
      if (typeof part === 'number' || part.length < Math.min(length - done, TRANSFER_SIZE)) {
        throw this.#fault('read', address, length);
      }
      bytes.set(part, done);
      done += part.length;
    }
    this.#checkCaller();
    return bytes;
  }

  /**
   * A text that ends with a NUL, each byte one character.
   *
   * @returns undefined where it cannot be read, or is not shorter than `limit` bytes
   */
  readText(address: UserAddress, limit: number): string | undefined {
    let text = '';
    while (text.length < limit) {
      const at = address + BigInt(text.length);
      // Not over the end of a page: the next one may not be there, and need not be.
      const part = readMemory(this.#call.tid, at, Math.min(limit - text.length, TEXT_PART, leftInPage(at)));
      if (typeof part === 'number') return undefined;
      const end = part.indexOf(0);
      text += part.toString('latin1', 0, end < 0 ? part.length : end);
      if (end >= 0) return this.#listener.isValid(this.#call.id) ? text : undefined;
    }
    return undefined;
  }

  write(address: UserAddress, bytes: Uint8Array): void {
    this.#ahead = NOTHING;
    this.#checkCaller();
    for (let done = 0; done < bytes.length; done += TRANSFER_SIZE) {
      const part = bytes.subarray(done, done + TRANSFER_SIZE);
      const written = writeMemory(this.#call.tid, address + BigInt(done), part);
      if (written !== part.length) throw this.#fault('write', address, bytes.length);
    }
  }

  checkWritable(address: UserAddress, length: number): void {
    // The same bytes again: only a write tells whether a page can be written.
    this.write(address, this.read(address, length));
  }

  #fault(operation: string, address: UserAddress, length: number): KernelError {
    return new KernelError(
      'EFAULT',
      `Cannot ${operation} ${length} bytes at 0x${address.toString(16)} of thread ${this.#call.tid}`,
    );
  }

  #checkCaller(): void {
    if (!this.#listener.isValid(this.#call.id)) throw gone(this.#call);
  }
}

/**
 * The memory of a thread that makes a command on a structure. What the kernel writes into it is the answer, which is
 * delivered when all else is done.
 */
export class AnswerMemory extends CallingMemory {
  readonly #address: UserAddress;
  /** The structure as the program gave it. */
  given: Uint8Array = NOTHING;
  answer: Uint8Array = NOTHING;

  constructor(call: Notification, listener: Listener) {
    super(call, listener);
    // Whatever number a program passes is an address in its memory.
    this.#address = (call.arguments[2] ?? 0n) as UserAddress;
  }

  override read(address: UserAddress, length: number): Uint8Array {
    const bytes = super.read(address, length);
    if (address === this.#address && length > this.given.length) this.given = copyOf(bytes);
    return bytes;
  }

  readGiven(length: number): Uint8Array {
    return this.read(this.#address, length);
  }

  override write(_address: UserAddress, bytes: Uint8Array): void {
    this.answer = copyOf(bytes);
  }

  override checkWritable(address: UserAddress, length: number): void {
    super.write(address, this.read(address, length));
  }

  /** @throws KernelError EFAULT, or ESRCH where the program does not wait any more */
  deliver(): void {
    super.write(this.#address, this.answer);
  }
}
