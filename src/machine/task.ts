/** A program that waits in a system call, as the kernel reaches into it. */
import { readdirSync, readFileSync } from 'node:fs';
import { close, statDescriptor, statPath, statusFlags } from '../host/descriptors.js';
import { descriptorLimits, openProcess, takeDescriptor } from '../host/processes.js';
import type { Listener, Notification } from '../host/seccomp.js';
import { KernelError } from '../kernel/error.js';
import { type File, type FileTable, HostFile, type Task } from '../kernel/fs/file.js';
import type { Descriptor } from '../kernel/hardware.js';
import type { Kernel } from '../kernel/kernel.js';
import { errno, errnoName } from '../uapi/errno.js';
import { openFlags } from '../uapi/fcntl.js';
import { AnswerMemory, gone } from './calling-memory.js';
import type { Channels } from './channels.js';
import { inodeKey, isUnnamedMemory } from './host-files.js';

const { O_PATH, O_RDWR } = openFlags(process.arch);

export class CallingTask implements Task {
  readonly memory: AnswerMemory;
  readonly files: FileTable;

  constructor(call: Notification, listener: Listener, channels: Channels, kernel: Kernel) {
    this.memory = new AnswerMemory(call, listener);
    this.files = new CallingFiles(call, listener, channels, kernel);
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
    const used = numbersIn(`/proc/${this.#call.tid}/fd`);
    let lowestFree = 0;
    while (used.has(String(lowestFree))) lowestFree += 1;
    return BigInt(lowestFree) < limits.soft;
  }

  install(file: File): number {
    if (file instanceof HostFile) return this.#addRetrieved(file);
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

  #addRetrieved({ descriptor }: HostFile): number {
    const fd = this.#add(descriptor);
    const { device, inode } = statDescriptor(descriptor);
    // Others look as they always did, and those such as eventfds may all have the same inode.
    if (isUnnamedMemory(descriptor)) this.#channels.retrieved.add(inodeKey(device, inode));
    return fd;
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

/** Empty where the thread is gone. */
function numbersIn(directory: string): Set<string> {
  try {
    return new Set(readdirSync(directory));
  } catch {
    return new Set();
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
  const copy = copyOf(call.tid, fd);
  if (!listener.isValid(call.id)) {
    if (copy >= 0) close(copy);
    throw gone(call);
  }
  if (copy >= 0) return copy;
  if (errnoName(-copy) === 'EBADF') return undefined;
  throw outOfDescriptors(copy, call);
}

function copyOf(tid: number, fd: number): number {
  const pidfd = openProcess(tid);
  if (pidfd < 0) return errnoName(-pidfd) === 'EINVAL' ? copyOfLeader(tid, fd) : pidfd;
  try {
    return takeDescriptor(pidfd, fd);
  } finally {
    close(pidfd);
  }
}

/**
 * Before Linux 6.9 only the leader of a process can be asked for a descriptor. Nearly always its table is the thread's
 * too; a file that is not the thread's is refused.
 */
function copyOfLeader(tid: number, fd: number): number {
  const own = statPath(descriptorPath(tid, fd));
  if (typeof own === 'number') return -errno.EBADF;
  const pidfd = openProcess(leaderOf(tid));
  if (pidfd < 0) return pidfd;
  try {
    const copy = takeDescriptor(pidfd, fd);
    if (copy < 0) return -errno.EPERM;
    const { device, inode } = statDescriptor(copy);
    if (device === own.device && inode === own.inode) return copy;
    close(copy);
    return -errno.EPERM;
  } finally {
    close(pidfd);
  }
}

function leaderOf(tid: number): number {
  try {
    return Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${tid}/status`, 'latin1'))?.[1]);
  } catch {
    return tid;
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
