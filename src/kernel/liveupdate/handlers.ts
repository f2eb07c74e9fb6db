import { KernelError } from '../error.js';
import type { File } from '../fs/file.js';
import { COMPATIBLE_LENGTH } from './abi.js';
import type { Flb } from './flb.js';
import { type FileHandler, REQUIRED_CALLBACKS } from './handler.js';
import type { Module } from './module.js';

/** A handler in a kernel. */
export interface RegisteredHandler {
  readonly handler: FileHandler;
  /** The module that it is of; undefined where the kernel itself has it. */
  readonly owner: Module | undefined;
  /** The objects that its files depend on, in the order of their registration. */
  readonly flbs: Flb[];
  /** The files of sessions that are its own: preserved, or left by the last kernel and not finished. */
  files: number;
}

/** The handlers of a kernel, in the order in which they are asked. */
export class FileHandlers {
  readonly #byCompatible = new Map<string, RegisteredHandler>();
  #closed = false;

  get all(): Iterable<RegisteredHandler> {
    return this.#byCompatible.values();
  }

  /**
   * Adds a handler (`liveupdate_register_file_handler`, patch 08).
   *
   * @throws KernelError EBUSY once sessions were read, EINVAL for a name that does not fit into the handover and for a
   * handler without a required callback, EEXIST for a name that is taken, EAGAIN where its module is being unloaded
   */
  register(handler: FileHandler, owner?: Module): void {
    const what = `register the file handler "${handler.compatible}"`;
    this.checkOpen(what);
    checkCompatible(handler.compatible, what);
    for (const callback of REQUIRED_CALLBACKS) {
      if (typeof handler[callback] === 'function') continue;
      throw new KernelError('EINVAL', `Cannot ${what}: it has no ${callback}, which every handler must have`);
    }
    if (this.#byCompatible.has(handler.compatible)) {
      throw new KernelError('EEXIST', `Cannot ${what}: there is one of that name`);
    }
    owner?.get(what);
    this.#byCompatible.set(handler.compatible, { handler, owner, flbs: [], files: 0 });
  }

  /**
   * Takes a handler away again. What the last kernel left for it cannot be read from then on.
   *
   * @throws KernelError EINVAL where it is not registered, EBUSY while a session has a file of it
   */
  unregister(handler: FileHandler): RegisteredHandler {
    const failure = `Cannot unregister the file handler "${handler.compatible}"`;
    const registered = this.registered(handler);
    if (registered === undefined) throw new KernelError('EINVAL', `${failure}: it is not registered`);
    if (registered.files > 0) {
      throw new KernelError(
        'EBUSY',
        `${failure}: sessions have ${registered.files} files of it; close or finish them first`,
      );
    }
    this.#byCompatible.delete(handler.compatible);
    registered.owner?.put();
    return registered;
  }

  /** @throws KernelError EBUSY once sessions were read: handlers and what they depend on must be known by then */
  checkOpen(what: string): void {
    if (!this.#closed) return;
    throw new KernelError('EBUSY', `Cannot ${what}: the sessions of the last kernel were read already`);
  }

  /** Takes no more handlers: what the last kernel left is read now, and all handlers must be there for it. */
  close(): void {
    this.#closed = true;
  }

  registered(handler: FileHandler): RegisteredHandler | undefined {
    const registered = this.#byCompatible.get(handler.compatible);
    return registered?.handler === handler ? registered : undefined;
  }

  /** The first handler that can take the file. */
  for(file: File): RegisteredHandler | undefined {
    for (const registered of this.#byCompatible.values()) {
      // A promise would be no answer.
      if (registered.handler.canPreserve(file) === true) return registered;
    }
    return undefined;
  }

  named(compatible: string): RegisteredHandler | undefined {
    return this.#byCompatible.get(compatible);
  }
}

/** @throws KernelError EINVAL for a name that the handover has no room for */
export function checkCompatible(compatible: string, what: string): void {
  // No compiler has seen the handlers of some modules.
  const isText = typeof compatible === 'string' && /^[!-~]+$/.test(compatible);
  if (isText && compatible.length < COMPATIBLE_LENGTH) return;
  throw new KernelError(
    'EINVAL',
    `Cannot ${what}: the name must be 1 to ${COMPATIBLE_LENGTH - 1} printable ASCII characters without blanks`,
  );
}
