/**
 * Descriptors of a kernel's files in programs. Each is one end of a pair of sockets whose other end is ours: when the
 * last copy of it is closed, by whatever process, ours hangs up, and the kernel's file is released.
 */
import { close, shutdownWriting, socketInode, socketPair, statDescriptor } from '../host/descriptors.js';
import { EPOLLHUP, Epoll } from '../host/epoll.js';
import type { File } from '../kernel/fs/file.js';

/** A file of the kernel that programs have descriptors of. */
export interface Channel {
  readonly file: File;
  /** The device, and not a session. */
  readonly isDevice: boolean;
  /** Access mode and status flags that the file was opened with. */
  readonly openFlags: number;
  /** Our end. */
  readonly end: number;
  readonly inode: number;
}

/** A new channel whose other end is to be put into a program. */
export interface NewChannel extends Channel {
  /** The program's end, ours to close once the program has it. */
  readonly theirs: number;
}

export class Channels {
  /** Readable when a channel has hung up. */
  readonly epoll = new Epoll();
  /**
   * The inodes of the memory that programs have retrieved, for what such a file looks like. None of them is
   * held open: one whose number comes again for another file makes that one look the same, and no more.
   */
  readonly retrieved = new Set<string>();
  readonly #byInode = new Map<number, Channel>();
  readonly #byEnd = new Map<number, Channel>();
  readonly #release: (file: File) => void;

  /** @param release called with a file whose last descriptor has been closed: it puts the reference */
  constructor(release: (file: File) => void = (file) => file.put()) {
    this.#release = release;
  }

  /** Makes a channel for a file and takes over its reference. */
  open(file: File, openFlags: number, isDevice: boolean): NewChannel {
    const [end, theirs] = socketPair();
    // A program that reads from its end gets an end of file, and does not wait for ever.
    shutdownWriting(end);
    const channel = { file, isDevice, openFlags, end, inode: Number(statDescriptor(theirs).inode) };
    this.#byInode.set(channel.inode, channel);
    this.#byEnd.set(end, channel);
    this.epoll.add(end, 0, end);
    return { ...channel, theirs };
  }

  get all(): Iterable<Channel> {
    return this.#byEnd.values();
  }

  /** Takes over a channel whose other end programs have, and the reference of its file. */
  adopt(channel: Channel): void {
    this.#byInode.set(channel.inode, channel);
    this.#byEnd.set(channel.end, channel);
    this.epoll.add(channel.end, 0, channel.end);
  }

  /** Takes back a channel whose other end no program has got. The file stays, and its reference is the caller's. */
  abandon(channel: NewChannel): void {
    this.#forget(channel);
    close(channel.theirs);
  }

  /** The channel behind a descriptor of a program, by a path such as `/proc/7/fd/3`. */
  find(path: string): Channel | undefined {
    if (this.#byInode.size === 0) return undefined;
    return this.#byInode.get(socketInode(path));
  }

  /**
   * Releases the files whose last descriptor has been closed. Call it before each operation on the kernel's files: a
   * program that closes and opens again expects the first to be over.
   */
  drain(): void {
    for (;;) {
      const ready = this.epoll.wait(0);
      if (ready.length === 0) return;
      for (const { key, events } of ready) {
        const channel = this.#byEnd.get(key);
        if (channel === undefined || (events & EPOLLHUP) === 0) continue;
        this.#forget(channel);
        this.#release(channel.file);
      }
    }
  }

  /** Closes our ends. The files are not released: their kernel has ended. */
  dispose(): void {
    for (const channel of [...this.#byEnd.values()]) this.#forget(channel);
    close(this.epoll.fd);
  }

  #forget(channel: Channel): void {
    this.#byInode.delete(channel.inode);
    this.#byEnd.delete(channel.end);
    close(channel.end);
  }
}
