import { close } from '../host/descriptors.js';
import { openProcess, takeDescriptor } from '../host/processes.js';

/**
 * The keeper's copy of the listener that the machine answers. Where the machine is killed, the calls of its programs
 * wait until they have been ended: without any listener they would all fail with ENOSYS, and the programs go on.
 */
export class ListenerCopy {
  #fd: number | undefined;
  /** Of a program that was started before its generation. */
  #next: number | undefined;

  /** Takes a copy of the listener that has this number in the machine, in place of the last one. */
  take(machine: number, listener: number): void {
    this.close();
    this.#fd = copyOf(machine, listener);
  }

  /** The same beside it, until the next generation begins. */
  takeNext(machine: number, listener: number): void {
    closeIfThere(this.#next);
    this.#next = copyOf(machine, listener);
  }

  /** For when no program is left that could wait. */
  close(): void {
    closeIfThere(this.#fd);
    closeIfThere(this.#next);
    this.#fd = undefined;
    this.#next = undefined;
  }
}

/** Undefined for a machine that was killed meanwhile; its end comes next. */
function copyOf(machine: number, listener: number): number | undefined {
  const pidfd = openProcess(machine);
  if (pidfd < 0) return undefined;
  const copy = takeDescriptor(pidfd, listener);
  close(pidfd);
  return copy < 0 ? undefined : copy;
}

function closeIfThere(fd: number | undefined): void {
  if (fd !== undefined) close(fd);
}
