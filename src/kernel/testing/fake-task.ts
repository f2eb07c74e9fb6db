import { KernelError } from '../error.js';
import { type File, type FileTable, HostFile, type Task } from '../fs/file.js';
import type { Descriptor } from '../hardware.js';
import type { Kernel } from '../kernel.js';
import type { FakeHost } from './fake-host.js';
import { FakeMemory } from './fake-memory.js';

type Entry =
  | { readonly kind: 'kernel'; readonly file: File }
  | { readonly kind: 'host'; readonly descriptor: Descriptor };

/** A program, for tests: its memory, and a table of descriptors as the machine has it. */
export class FakeTask implements Task, FileTable {
  readonly memory = new FakeMemory();
  readonly files = this;
  readonly #kernel: Kernel;
  readonly #host: FakeHost;
  readonly #entries = new Map<number, Entry>();
  #lowestFree = 3;
  /** How many descriptors the program may have. */
  limit = 1024;
  /** How often the kernel asked for room. */
  roomAsked = 0;
  /** What `install` throws: the program has died. */
  death: Error | undefined;

  constructor(kernel: Kernel, host: FakeHost) {
    this.#kernel = kernel;
    this.#host = host;
  }

  get fds(): number[] {
    return [...this.#entries.keys()];
  }

  /** Those of files of the kernel: the device and sessions. */
  get kernelFds(): number[] {
    return [...this.#entries].flatMap(([fd, { kind }]) => (kind === 'kernel' ? [fd] : []));
  }

  /** Gives the program a file of the host, which the program owns from then on. */
  open(descriptor: Descriptor): number {
    return this.#add({ kind: 'host', descriptor });
  }

  /** The kernel's file behind a descriptor number. */
  fileAt(fd: number): File {
    const entry = this.#entries.get(fd);
    if (entry?.kind === 'kernel') return entry.file;
    throw new Error(`The fake task has no file of the kernel at fd ${fd}`);
  }

  /** The host's descriptor behind a descriptor number. */
  descriptorAt(fd: number): Descriptor {
    const entry = this.#entries.get(fd);
    if (entry?.kind === 'host') return entry.descriptor;
    throw new Error(`The fake task has no file of the host at fd ${fd}`);
  }

  /** `dup`: the same open file at another number. */
  dup(fd: number): number {
    return this.#add(this.#share(fd));
  }

  /** `fork`: another program with descriptors of the same open files, at the same numbers. */
  fork(): FakeTask {
    const child = new FakeTask(this.#kernel, this.#host);
    for (const fd of this.fds) child.#entries.set(fd, this.#share(fd));
    child.#lowestFree = this.#lowestFree;
    return child;
  }

  close(fd: number): void {
    const entry = this.#entries.get(fd);
    if (entry === undefined) throw new Error(`The fake task has nothing at fd ${fd}`);
    this.#entries.delete(fd);
    this.#lowestFree = Math.min(this.#lowestFree, fd);
    if (entry.kind === 'kernel') this.#kernel.release(entry.file);
    else this.#host.close(entry.descriptor);
  }

  closeAll(): void {
    for (const fd of this.fds) this.close(fd);
  }

  get(fd: number): File | undefined {
    const entry = this.#entries.get(fd);
    if (entry?.kind === 'kernel') return entry.file.get();
    // As the machine does it: the kernel gets a descriptor of its own of the same open file.
    return entry && this.#kernel.hostFile(this.#host.duplicate(entry.descriptor));
  }

  hasRoom(): boolean {
    this.roomAsked += 1;
    return this.#entries.size < this.limit;
  }

  install(file: File): number {
    if (this.death) throw this.death;
    if (this.#entries.size >= this.limit) throw new KernelError('EMFILE', 'The fake task has no room');
    if (file instanceof HostFile) return this.open(this.#host.duplicate(file.descriptor));
    return this.#add({ kind: 'kernel', file: file.get() });
  }

  #share(fd: number): Entry {
    const entry = this.#entries.get(fd);
    if (entry === undefined) throw new Error(`The fake task has nothing at fd ${fd}`);
    if (entry.kind === 'kernel') return { kind: 'kernel', file: entry.file.get() };
    return { kind: 'host', descriptor: this.#host.duplicate(entry.descriptor) };
  }

  #add(entry: Entry): number {
    const fd = this.#lowestFree;
    this.#entries.set(fd, entry);
    while (this.#entries.has(this.#lowestFree)) this.#lowestFree += 1;
    return fd;
  }
}
