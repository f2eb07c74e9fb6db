/**
 * What authors of kernel modules need: file handlers and FLBs of their own, and what of the kernel these work with.
 */
import type { File, HostFile } from './fs/file.js';
import type { PreservedDescriptors } from './fs/preserved-descriptors.js';
import type { FileStatus } from './hardware.js';
import type { HandoverMemory } from './kho/kho.js';
import type { Flb, FlbLock, FlbOperations } from './liveupdate/flb.js';
import type { FileHandler, LiveUpdateSession } from './liveupdate/handler.js';

export type { ErrnoName } from '../uapi/errno.js';
export { KernelError } from './error.js';
export { type File, HostFile } from './fs/file.js';
export type { PreservedDescriptors } from './fs/preserved-descriptors.js';
export type { Descriptor, FileKind, FileStatus, FileType } from './hardware.js';
export type { Folio } from './kho/folio.js';
export type { KhoVmalloc } from './kho/kho.js';
export { decodeKhoVmalloc, encodeKhoVmalloc } from './kho/kho.js';
export type { PageBlock, PhysicalMemory } from './kho/memory.js';
export { allocatePreserved, freePreserved } from './kho/preserved-folio.js';
export { type VmallocArray, vmalloc } from './kho/vmalloc.js';
export type { Flb, FlbLock, FlbOperations, PreservedObject } from './liveupdate/flb.js';
export type {
  FileHandler,
  FinishCall,
  LiveUpdateSession,
  PreserveCall,
  Preserved,
  PreservedCall,
  RetrieveCall,
  SessionType,
} from './liveupdate/handler.js';
export type { SessionName } from './liveupdate/name.js';
export { restorePreserved } from './liveupdate/restore.js';
export { type PageFrameNumber, type PhysicalAddress, pageFrameNumber, physicalAddress } from './units.js';

/**
 * Code that is loaded into each kernel of a machine (`luo run --module`). A file that is loaded has one as its default
 * export.
 *
 * The code of a module is loaded once and stays; `init` is called for each kernel. What belongs to one kernel is made
 * there and reached from there: what passes from one kernel to the next passes through the kernel's memory alone.
 */
export interface KernelModule {
  /** For messages. */
  readonly name: string;
  /**
   * Registers what the module has. Programs do not run yet, and nothing of the last kernel has been read.
   *
   * It may be called for a kernel that is never used: one that is made to see what the next kernel can read. Until a
   * kexec is done, the kernel before this one may have to go on, with the same memory and the same descriptors: leave
   * them as they are until a program asks for a file.
   *
   * @throws KernelError where the module cannot work; the kernel does not boot then
   */
  init(kernel: ModuleKernel): void;
  /** The kernel ends. Its files are closed, and nothing can be registered any more (EAGAIN). */
  exit?(): void;
}

/** What modules do with the kernel's memory. */
export type ModuleKho = HandoverMemory;

/** What modules do with open files of the host. */
export type ModuleDescriptors = Pick<PreservedDescriptors, 'preserve' | 'unpreserve' | 'restore' | 'find'>;

/** The kernel, as a module sees it. What is refused is a KernelError with the error number that Linux gives. */
export interface ModuleKernel {
  /** The kernel's memory, and what of it passes to the next kernel. */
  readonly kho: ModuleKho;
  /** Open files of the host that pass to the next kernel. */
  readonly descriptors: ModuleDescriptors;
  /**
   * Adds a file handler. Those of the kernel are asked first, then others in the order of their registration.
   *
   * @throws KernelError EINVAL for a bad name or a callback that is missing, EEXIST for a name that is taken, EBUSY
   * once the sessions of the last kernel were read, EAGAIN while the module is being unloaded
   */
  registerFileHandler<PrivateData>(handler: FileHandler<PrivateData>): void;
  /** @throws KernelError EINVAL where it is not registered, EBUSY while a session has a file of it */
  unregisterFileHandler<PrivateData>(handler: FileHandler<PrivateData>): void;
  /** A new FLB, which handlers can be made to depend on. */
  initFlb<Shared>(operations: FlbOperations<Shared>): Flb<Shared>;
  /**
   * Makes a handler depend on an FLB: the FLB is preserved before the first file of any such handler.
   *
   * @throws KernelError EINVAL where the handler is not registered or a name or callback is bad, EEXIST where it
   * depends on the FLB already or another FLB has the name, EBUSY once the sessions of the last kernel were read,
   * ENOSPC where the handover has no room, ENOMEM
   */
  registerFlb<PrivateData, Shared>(handler: FileHandler<PrivateData>, flb: Flb<Shared>): void;
  /**
   * The object that goes to the next kernel, locked: `using lock = kernel.flbOutgoing(flb)`.
   *
   * @throws KernelError ENOENT where no preserved file depends on it, EDEADLK where it is locked
   */
  flbOutgoing<Shared>(flb: Flb<Shared>): FlbLock<Shared>;
  /** The same, locked while `use` runs. */
  flbOutgoing<Shared, Result>(flb: Flb<Shared>, use: (lock: FlbLock<Shared>) => Result): Result;
  /**
   * The object that came from the last kernel, locked. The first call makes it.
   *
   * @throws KernelError ENODATA where there was no kernel before, ENOENT where it left none of that name or all files
   * that depend on it are finished, EDEADLK where it is locked, and what `retrieve` says
   */
  flbIncoming<Shared>(flb: Flb<Shared>): FlbLock<Shared>;
  /** The same, locked while `use` runs. */
  flbIncoming<Shared, Result>(flb: Flb<Shared>, use: (lock: FlbLock<Shared>) => Result): Result;
  /** The token of a preserved file. @throws KernelError ENOENT where the session does not preserve that open file */
  getTokenOutgoing(session: LiveUpdateSession, file: File): bigint;
  /**
   * A file of the session that the last kernel preserved; retrieved where it was not.
   *
   * @returns the file without a reference: call its `get` to hold it longer than the session does
   * @throws KernelError ENOENT for a token that is not there, and what the handler says
   */
  getFileIncoming(session: LiveUpdateSession, token: bigint): File;
  /** What the host knows of a file. */
  status(file: HostFile): FileStatus;
  /** A sentence for people. What is not of level `info` is shown. */
  log(level: 'info' | 'warning' | 'error', message: string): void;
}
