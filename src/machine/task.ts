/** A program that waits in a system call, as the kernel reaches into it. */
import { readdirSync } from 'node:fs';
import { close, statusFlags } from '../host/descriptors.js';
import { readMemory, TRANSFER_SIZE, writeMemory } from '../host/process-memory.js';
import { descriptorLimits, openProcess, takeDescriptor } from '../host/processes.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import { type File, type FileTable, HostFile, type Task } from '../kernel/fs/file.js';
import type { Descriptor, UserAddress, UserMemory } from '../kernel/hardware.js';
import type { Kernel } from '../kernel/kernel.js';
import { errnoName } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import type { Channels } from './channels.js';

const { O_PATH, O_RDWR } = openFlags(process.arch);

export class CallingTask implements Task {
  readonly memory: UserMemory;
  readonly files: FileTable;

  constructor(call: Notification, listener: Listener, channels: Channels, kernel: Kernel) {
    this.memory = new CallingMemory(call, listener);
    this.files = new CallingFiles(call, listener, channels, kernel);
  }
}

/** The program is gone or its call was interrupted: nobody waits for the answer. */
function gone(call: Notification): KernelError {
  return new KernelError('ESRCH', `Cannot go on with a call of thread ${call.tid}: it ended meanwhile`);
}

/** Memory of the thread that made a call. */
export class CallingMemory implements UserMemory {
  readonly #call: Notification;
  readonly #listener: Listener;

  constructor(call: Notification, listener: Listener) {
    this.#call = call;
    this.#listener = listener;
  }

  read(address: UserAddress, length: number): Uint8Array {
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
      // Up to the end of a page at a time: the next page may not be there, and need not be.
      const part = readMemory(this.#call.tid, at, Math.min(limit - text.length, 4096 - Number(at & 4095n)));
      if (typeof part === 'number') return undefined;
      const end = part.indexOf(0);
      text += part.toString('latin1', 0, end < 0 ? part.length : end);
      if (end >= 0) return this.#listener.isValid(this.#call.id) ? text : undefined;
    }
    return undefined;
  }

  write(address: UserAddress, bytes: Uint8Array): void {
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

class CallingFiles implements FileTable {
  readonly #call: Notification;
  readonly #listener: Listener;
  readonly #channels: Channels;
  readonly #kernel: Kernel;

  constructor(call: Notification, listener: Listener, channels: Channels, kernel: Kernel) {
    this.#call = call;
    this.#listener = listener;
    this.#channels = channels;
    this.#kernel = kernel;
  }

  get(fd: number): File | undefined {
    if (fd < 0) return undefined;
    const channel = this.#channels.find(descriptorPath(this.#call.tid, fd));
    if (channel !== undefined) return channel.file.get();
    const copy = copyDescriptor(this.#call, this.#listener, fd);
    if (copy === undefined) return undefined;
    if ((statusFlags(copy) & O_PATH) !== 0) {
      close(copy);
      return undefined;
    }
    // A copy is a number of our own table: what the hardware's descriptors are.
    return this.#kernel.hostFile(copy as Descriptor);
  }

  hasRoom(): boolean {
    const limits = descriptorLimits(this.#call.tid);
    if (limits === undefined) return true;
    const used = new Set(readdirSync(`/proc/${this.#call.tid}/fd`));
    let lowestFree = 0;
    while (used.has(String(lowestFree))) lowestFree += 1;
    return BigInt(lowestFree) < limits.soft;
  }

  install(file: File): number {
    if (file instanceof HostFile) return this.#add(file.descriptor);
    const channel = this.#channels.open(file, O_RDWR, false);
    try {
      const fd = this.#add(channel.theirs);
      // The program's descriptor holds a reference of its own.
      file.get();
      close(channel.theirs);
      return fd;
    } catch (error) {
      this.#channels.abandon(channel);
      throw error;
    }
  }

  #add(descriptor: number): number {
    const fd = this.#listener.addDescriptor(this.#call.id, descriptor, true, false);
    if (fd >= 0) return fd;
    if (errnoName(-fd) === 'EMFILE') {
      throw new KernelError('EMFILE', `Cannot give thread ${this.#call.tid} a descriptor: its table is full`);
    }
    throw gone(this.#call);
  }
}

export function descriptorPath(tid: number, fd: number): string {
  return `/proc/${tid}/fd/${fd}`;
}

/**
 * A copy of a descriptor of the program, ours to close: the same open file description.
 *
 * @returns undefined where the program has no such descriptor
 * @throws KernelError ENFILE where luo itself has no room, ESRCH where the program is gone
 */
export function copyDescriptor(call: Notification, listener: Listener, fd: number): number | undefined {
  const pidfd = openProcess(call.tid);
  if (pidfd < 0) throw outOfDescriptors(pidfd, call);
  try {
    const copy = takeDescriptor(pidfd, fd);
    if (!listener.isValid(call.id)) {
      if (copy >= 0) close(copy);
      throw gone(call);
    }
    if (copy >= 0) return copy;
    if (errnoName(-copy) === 'EBADF') return undefined;
    throw outOfDescriptors(copy, call);
  } finally {
    close(pidfd);
  }
}

function outOfDescriptors(result: number, call: Notification): KernelError {
  const reason = errnoName(-result);
  if (reason === 'ESRCH' || reason === 'ENOENT') return gone(call);
  if (reason === 'EMFILE' || reason === 'ENFILE') {
    return new KernelError(
      'ENFILE',
      'Cannot take a descriptor of a program: luo has used up its own. Raise the hard limit: ulimit -Hn',
    );
  }
  return new KernelError('EPERM', `Cannot take a descriptor of thread ${call.tid}: pidfd_getfd failed with ${reason}`);
}
