import { checkNext } from './capabilities.js';
import { KernelError } from './error.js';
import { type File, HostFile, type Task } from './fs/file.js';
import { openAt } from './fs/one-file.js';
import type { Descriptor, Handover, Hardware, UserAddress } from './hardware.js';
import type { SavedKernel, SavedSession } from './liveupdate/saved.js';
import { fieldOf, findSession, resumeSessions, saveSessions } from './liveupdate/saving.js';
import { type KernelState, stateOf } from './liveupdate/state.js';
import { assembleWithModules, type Modules } from './modules.js';
import type { KernelOptions, Parts } from './parts.js';
import type { Tty } from './tty/tty.js';

export type { Ledger, LedgerFile } from './liveupdate/ledger.js';
export type { Profile } from './liveupdate/profile.js';
export type { SavedIncomingFile, SavedKernel, SavedOutcome, SavedSession } from './liveupdate/saved.js';
export { SessionFile } from './liveupdate/session-file.js';
export type {
  FileState,
  IncomingFileState,
  IncomingSessionState,
  KernelState,
  LiveUpdateState,
  SessionState,
} from './liveupdate/state.js';
export { type KernelOptions, type Preservable, preservable } from './parts.js';
export { type TtyAnswer, type TtyCall, ttyIoctl, ttyIoctlNumbers } from './tty/ioctl.js';
export type { Tty } from './tty/tty.js';

/**
 * One generation of the kernel, as the machine sees it. It is synchronous: every call does all of its work, or throws
 * a KernelError and changes nothing, where its description does not say otherwise. Any other exception is a bug.
 */
export class Kernel {
  readonly #parts: Parts;
  readonly #modules: Modules;
  #handover: Handover | undefined;

  private constructor(parts: Parts, modules: Modules) {
    this.#parts = parts;
    this.#modules = modules;
  }

  /**
   * Starts a kernel: on empty RAM, or on what the last one handed over. The descriptors of the handover belong to it
   * from then on.
   *
   * @param number how many live updates count as having come before, where nothing is handed over
   * @throws KernelError EINVAL where the handover is corrupt, ENOMEM, and what a module says; the descriptors stay with
   * the caller then
   */
  static boot(hardware: Hardware, options: KernelOptions, handover?: Handover, number?: bigint): Kernel {
    const { parts, modules } = assembleWithModules(hardware, options, handover, number);
    return new Kernel(parts, modules);
  }

  /**
   * The programs of the last generation are gone, and this kernel's may come: drivers look at their hardware. What they
   * do there cannot be taken back.
   */
  start(): void {
    this.#parts.ttys.start((message) => this.#parts.hardware.log('error', message));
  }

  /** A serial port, by its name, such as `ttyS0`. */
  tty(name: string): Tty | undefined {
    return this.#parts.ttys.get(name);
  }

  /** A serial port was plugged in again: its driver knows nothing of it. */
  plugTty(name: string): void {
    this.#parts.ttys.plug(name);
  }

  /**
   * Opens `/dev/liveupdate`.
   *
   * @returns the open file with one reference
   * @throws KernelError EBUSY while it is open; with the profile `linux`, EIO each time where what the last kernel
   * left cannot be read
   */
  openDevice(): File {
    return this.#parts.device.open();
  }

  /**
   * The open file of a program behind a descriptor, which belongs to the kernel from then on: the one that the kernel
   * has, where it has that open file by another descriptor.
   *
   * @returns the file with a reference for the caller
   */
  hostFile(descriptor: Descriptor): HostFile {
    const { files, hardware } = this.#parts;
    const known = files.hosts.find(descriptor, hardware.files)?.get();
    if (known === undefined) return new HostFile(files, hardware.files, descriptor);
    hardware.files.close(descriptor);
    return known;
  }

  /**
   * Runs an ioctl of a program on an open file. Linux lets such calls wait between a freeze and the kexec: a machine
   * must not pass them on then.
   *
   * @param command of which the low 32 bits count
   * @returns 0 or more
   * @throws KernelError EBUSY while all is frozen, and what the command says
   */
  ioctl(file: File, command: number, argument: UserAddress, task: Task): number {
    if (this.#handover) throw new KernelError('EBUSY', `Cannot run an ioctl on the ${file.description}: all is frozen`);
    return file.ioctl(command, argument, task);
  }

  /**
   * Makes a session without a program, which nobody closes, and preserves files of the host in it: what a machine does
   * with those that outlived a kernel. Their descriptors belong to this kernel from then on.
   *
   * @param name without a NUL
   * @throws KernelError as CREATE_SESSION and PRESERVE_FD; the files before it are preserved then, and the descriptor
   * of the one that was refused is closed
   */
  preserveInSession(name: Uint8Array, files: Iterable<{ token: bigint; descriptor: Descriptor }>): void {
    const session = this.#parts.liveUpdate.createSession(fieldOf(name));
    for (const { token, descriptor } of files) {
      session.preserveFd(
        token,
        descriptor,
        openAt(() => this.hostFile(descriptor)),
      );
    }
  }

  /**
   * All that programs could tell this kernel by. Its descriptors stay this kernel's.
   *
   * @throws KernelError EOPNOTSUPP for a file that cannot be taken to another process, EINVAL where what the last
   * kernel left cannot be read
   */
  save(): SavedKernel {
    return saveSessions(this.#parts.liveUpdate);
  }

  /** Brings the sessions of a kernel that has just booted to where another kernel's were: see `resumeKernel`. */
  resumeSessions(sessions: readonly SavedSession[]): void {
    resumeSessions(this.#parts.liveUpdate, sessions, (descriptor) => this.hostFile(descriptor));
  }

  /** The file of a session that programs have descriptors of already, with one reference. */
  openSession(session: Pick<SavedSession, 'type' | 'name'>): File {
    return this.#parts.device.openSession(findSession(this.#parts.liveUpdate, session));
  }

  /** The last descriptor of the programs on this file is gone. A session stays as it is while all is frozen. */
  release(file: File): void {
    file.put();
  }

  /**
   * Whether a kernel with these options can take over what is preserved now.
   *
   * @throws KernelError as `capabilities.ts` has it: EOPNOTSUPP, ENOENT, and what its modules say
   */
  checkNext(options: KernelOptions): void {
    checkNext(this.#parts, options);
  }

  /**
   * Freezes and writes down everything for the next kernel (`liveupdate_reboot`). The descriptors of the handover stay
   * open when this kernel is shut down.
   *
   * @throws KernelError what kept a file from being frozen, or ENOMEM; nothing has changed then
   */
  reboot(): Handover {
    const { liveUpdate, kho, regions, descriptors } = this.#parts;
    if (this.#handover) throw new Error('Cannot reboot: the handover is made already');
    liveUpdate.freeze();
    try {
      this.#handover = {
        root: kho.finalize(),
        regions: regions.outgoing,
        descriptors: descriptors.outgoing,
      };
    } catch (error) {
      liveUpdate.unfreeze();
      throw error;
    }
    return this.#handover;
  }

  /** Undoes a `reboot` that succeeded, where the next kernel could not be started. */
  cancelReboot(): void {
    if (!this.#handover) throw new Error('Cannot cancel the reboot: there was none');
    this.#handover = undefined;
    this.#parts.kho.abort();
    this.#parts.liveUpdate.unfreeze();
  }

  /**
   * Whether a program may give a file another size: `ftruncate`, `truncate`, `O_TRUNC`.
   *
   * @throws KernelError EPERM for a frozen file; with the profile `linux`, only where the size changes
   */
  checkResize(inode: string, oldSize: bigint, newSize: bigint): void {
    this.#parts.inodes.checkResize(inode, oldSize, newSize);
  }

  /**
   * Whether a program may allocate or free pages of a file: `fallocate`, `madvise(MADV_REMOVE)`.
   *
   * @throws KernelError EPERM for a frozen file
   */
  checkFallocate(inode: string): void {
    this.#parts.inodes.checkFallocate(inode);
  }

  /**
   * How many bytes of a write go through: all of them where the file is not frozen.
   *
   * @returns 0 where the write fails with EPERM; a write of 0 bytes never does
   */
  writableBytes(inode: string, position: bigint, length: bigint, size: bigint): bigint {
    return this.#parts.inodes.writableBytes(inode, position, length, size);
  }

  /**
   * Whether a program may seal a file, as far as its being preserved goes.
   *
   * @param executable whether the file has an execute bit
   * @throws KernelError EBUSY where the seals stop all writing and the file is preserved
   */
  checkAddSeals(inode: string, seals: number, executable: boolean): void {
    this.#parts.inodes.checkAddSeals(inode, seals, executable);
  }

  get hasFrozenFiles(): boolean {
    return this.#parts.inodes.anyFrozen;
  }

  /** What a person sees of this kernel. It reads what the last kernel left, where nobody did so before. */
  state(): KernelState {
    return stateOf(this.#parts.liveUpdate);
  }

  /**
   * Lets go of a session of the last kernel, as a program does that retrieves it and finishes it at once.
   *
   * @param name without the NUL
   * @throws KernelError ENOENT where no session has the name, EINVAL where it was retrieved
   */
  finishIncoming(name: Uint8Array): void {
    const { liveUpdate } = this.#parts;
    liveUpdate.closeSession(liveUpdate.retrieveSession(name));
  }

  /** What somebody still holds, one sentence each. Empty once all programs are gone and all sessions are finished. */
  leaks(): string[] {
    const { files, kho, inodes, regions, descriptors, liveUpdate, outgoing } = this.#parts;
    const allocated = [...kho.memory.allocatedFolios()].reduce((pages, { order }) => pages + 2 ** order, 0);
    const state = stateOf(liveUpdate);
    return [
      ...[...files.live].map((file) => `${file.references} references of the ${file.description}`),
      ...state.outgoing.map(({ files: { length } }) => `an outgoing session with ${length} files`),
      ...state.incoming.map(({ files: { length } }) => `an incoming session with ${length} files`),
      ...[...regions.all].map(({ start, pages }) => `a region of ${pages} pages at page ${start}`),
      ...(descriptors.size > 0 ? [`${descriptors.size} descriptors of the host that are handed over`] : []),
      ...[...liveUpdate.flbs.all].flatMap(({ compatible, record, incomingCount }) => [
        ...(record ? [`${record.count} preserved files that depend on the FLB "${compatible}"`] : []),
        ...(incomingCount > 0n ? [`${incomingCount} incoming files that depend on the FLB "${compatible}"`] : []),
      ]),
      ...[...inodes.known].map((inode) => `the frozen or pinned inode ${inode}`),
      ...(liveUpdate.parts.taken.size > 0 ? [`${liveUpdate.parts.taken.size} files that count as preserved`] : []),
      ...(allocated > outgoing.pages ? [`${allocated - outgoing.pages} pages of RAM`] : []),
    ];
  }

  /** Whether `shutdown` was called. */
  get hasEnded(): boolean {
    return this.#parts.files.ended;
  }

  /**
   * Ends the generation: no session is closed, every file that the kernel holds is, but for those of the handover.
   * Files that a machine still has can be put, to no effect.
   */
  shutdown(): void {
    const { files, hardware } = this.#parts;
    if (files.ended) return;
    const { regions = [], descriptors = [] } = this.#handover ?? {};
    const passed = new Set([...regions, ...descriptors].map(({ descriptor }) => descriptor));
    for (const file of files.live) {
      if (file instanceof HostFile && !passed.has(file.descriptor)) hardware.files.close(file.descriptor);
    }
    files.end();
    // Last: what a module does with files now has no effect, and what it throws keeps nothing open.
    this.#modules.end();
  }
}
