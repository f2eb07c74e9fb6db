import { KernelError } from './error.js';
import type { File, HostFile } from './fs/file.js';
import type { PreservedDescriptors } from './fs/preserved-descriptors.js';
import type { FileStatus } from './hardware.js';
import type { HandoverMemory } from './kho/kho.js';
import { Flb, type FlbLock, type FlbOperations } from './liveupdate/flb.js';
import type { FileHandler, LiveUpdateSession } from './liveupdate/handler.js';
import type { Module } from './liveupdate/module.js';
import { Session } from './liveupdate/session.js';
import type { ModuleKernel } from './module.js';
import type { Parts } from './parts.js';

const FLB_CALLBACKS = ['preserve', 'unpreserve', 'retrieve', 'finish'] as const;

/** The kernel, as one of its modules sees it. `ModuleKernel` documents the methods. */
export class KernelOfModule implements ModuleKernel {
  readonly #parts: Parts;
  readonly #module: Module;

  constructor(parts: Parts, module: Module) {
    this.#parts = parts;
    this.#module = module;
  }

  get kho(): HandoverMemory {
    return this.#parts.kho;
  }

  get descriptors(): PreservedDescriptors {
    return this.#parts.descriptors;
  }

  registerFileHandler<PrivateData>(handler: FileHandler<PrivateData>): void {
    this.#parts.handlers.register(handler, this.#module);
  }

  unregisterFileHandler<PrivateData>(handler: FileHandler<PrivateData>): void {
    this.#parts.liveUpdate.flbs.forget(this.#parts.handlers.unregister(handler));
  }

  initFlb<Shared>(operations: FlbOperations<Shared>): Flb<Shared> {
    for (const callback of FLB_CALLBACKS) {
      if (typeof operations[callback] === 'function') continue;
      throw new KernelError(
        'EINVAL',
        `Cannot make the FLB "${operations.compatible}": it has no ${callback}, which every FLB must have`,
      );
    }
    const flb = new Flb(operations, this.#parts.hardware, (level, message) => this.log(level, message));
    this.#parts.liveUpdate.flbs.adopt(flb);
    return flb;
  }

  registerFlb<PrivateData, Shared>(handler: FileHandler<PrivateData>, flb: Flb<Shared>): void {
    this.#parts.liveUpdate.flbs.register(handler, flb);
  }

  flbOutgoing<Shared>(flb: Flb<Shared>): FlbLock<Shared>;
  flbOutgoing<Shared, Result>(flb: Flb<Shared>, use: (lock: FlbLock<Shared>) => Result): Result;
  flbOutgoing<Shared, Result>(flb: Flb<Shared>, use?: (lock: FlbLock<Shared>) => Result): FlbLock<Shared> | Result {
    return scoped(flb.lockOutgoing(), use);
  }

  flbIncoming<Shared>(flb: Flb<Shared>): FlbLock<Shared>;
  flbIncoming<Shared, Result>(flb: Flb<Shared>, use: (lock: FlbLock<Shared>) => Result): Result;
  flbIncoming<Shared, Result>(flb: Flb<Shared>, use?: (lock: FlbLock<Shared>) => Result): FlbLock<Shared> | Result {
    return scoped(this.#parts.liveUpdate.flbs.lockIncoming(flb), use);
  }

  getTokenOutgoing(session: LiveUpdateSession, file: File): bigint {
    return this.#parts.liveUpdate.getTokenOutgoing(whole(session), file);
  }

  getFileIncoming(session: LiveUpdateSession, token: bigint): File {
    return this.#parts.liveUpdate.getFileIncoming(whole(session), token);
  }

  status({ descriptor }: HostFile): FileStatus {
    return this.#parts.hardware.files.status(descriptor);
  }

  log(level: 'info' | 'warning' | 'error', message: string): void {
    this.#parts.hardware.log(level, `${this.#module.name}: ${message}`);
  }
}

/** The lock itself, or what `use` makes of it while it is held. */
function scoped<Shared, Result>(
  lock: FlbLock<Shared>,
  use: ((lock: FlbLock<Shared>) => Result) | undefined,
): FlbLock<Shared> | Result {
  if (use === undefined) return lock;
  try {
    return use(lock);
  } finally {
    lock[Symbol.dispose]();
  }
}

/** A handler has sessions only as it got them. */
function whole(session: LiveUpdateSession): Session {
  if (session instanceof Session) return session;
  throw new KernelError('EINVAL', 'Cannot use that as a session: pass the one that the callback was called with');
}
