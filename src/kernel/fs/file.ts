import { KernelError } from '../error.js';
import type { Descriptor, FileHardware, UserAddress, UserMemory } from '../hardware.js';
import { OpenHostFiles } from './open-host-files.js';

/** The program that makes a call, as far as the kernel reaches into it. */
export interface Task {
  readonly memory: UserMemory;
  readonly files: FileTable;
}

/** The descriptor table of a program. */
export interface FileTable {
  /**
   * The open file behind a descriptor number of the program, or undefined where there is none or where it is open
   * for its path only (`O_PATH`). The caller gets a reference and must put it.
   */
  get(fd: number): File | undefined;
  /** Whether one more descriptor could be installed now. May be slow. */
  hasRoom(): boolean;
  /**
   * Gives the program a close-on-exec descriptor for the file, the lowest that is free. The program holds a
   * reference of its own from then on: the caller keeps its one.
   *
   * @returns the number of the descriptor
   * @throws KernelError EMFILE where the program has no room
   */
  install(file: File): number;
}

/** The open files of one kernel: what a leak check looks at, and what is dropped when the kernel ends. */
export class OpenFiles {
  /** Those of the host among them. */
  readonly hosts = new OpenHostFiles<HostFile>();
  readonly #live = new Set<File>();
  #ended = false;

  /** Every file that somebody still holds, in the order in which they were opened. */
  get live(): Iterable<File> {
    return this.#live;
  }

  /** Whether the kernel that these files belong to has ended: nothing is counted or released any more. */
  get ended(): boolean {
    return this.#ended;
  }

  add(file: File): void {
    this.#live.add(file);
  }

  remove(file: File): void {
    this.#live.delete(file);
  }

  /** Ends the kernel's part in all files: those that stay with somebody can be put, to no effect. */
  end(): void {
    this.#ended = true;
    this.#live.clear();
  }
}

/** `struct file` of the kernel: an open file, held by references. It is made with one, which its maker owns. */
export abstract class File {
  readonly #files: OpenFiles;
  #references = 1;

  constructor(files: OpenFiles) {
    this.#files = files;
    files.add(this);
  }

  /** What the file is, for messages: `session "vm"`. */
  abstract readonly description: string;

  get references(): number {
    return this.#references;
  }

  /** Takes one more reference. */
  get(): this {
    if (this.#references === 0) {
      throw new Error(`Cannot take a reference of the ${this.description}: it was released`);
    }
    this.#references += 1;
    return this;
  }

  /** Gives one reference back. The last one releases the file. */
  put(): void {
    if (this.#files.ended) return;
    if (this.#references === 0) {
      throw new Error(`Cannot put the ${this.description}: it was released, so this reference was given back twice`);
    }
    this.#references -= 1;
    if (this.#references > 0) return;
    this.#files.remove(this);
    this.release();
  }

  /**
   * An `ioctl` of a program on this file.
   *
   * @returns what the call returns, 0 or more
   * @throws KernelError ENOTTY where the file has no commands of the kernel
   */
  ioctl(_command: number, _argument: UserAddress, _task: Task): number {
    throw new KernelError('ENOTTY', `Cannot run an ioctl on the ${this.description}: it has no commands`);
  }

  /** Runs once, when nobody holds the file any more. */
  protected abstract release(): void;
}

/** Marks a HostFile, in whichever copy of luo it was made. */
const mark = Symbol.for('luo.HostFile');

/** An open file of the host, such as a memfd of a program. It owns its descriptor and closes it at the end. */
export class HostFile extends File {
  readonly [mark] = true;
  readonly descriptor: Descriptor;
  readonly #hosts: OpenHostFiles<HostFile>;
  readonly #hardware: FileHardware;
  #inode: string | undefined;

  constructor(files: OpenFiles, hardware: FileHardware, descriptor: Descriptor) {
    super(files);
    this.#hosts = files.hosts;
    this.#hardware = hardware;
    this.descriptor = descriptor;
    this.#hosts.add(this);
  }

  /** A module may have been installed with a copy of luo beside the one that runs the machine. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && mark in value;
  }

  /** The same for two files exactly when they have the same inode. */
  get inode(): string {
    this.#inode ??= this.#hardware.status(this.descriptor).inode;
    return this.#inode;
  }

  override get description(): string {
    return `host file ${this.descriptor}`;
  }

  protected override release(): void {
    this.#hosts.remove(this);
    this.#hardware.close(this.descriptor);
  }
}
