import { close } from '../host/descriptors.js';
import { openProcess, takeDescriptor } from '../host/processes.js';

/**
 * The keeper's copy of the listener that the machine answers. Where the machine is killed, the calls of its programs
 * wait until they have been ended: without any listener they would all fail with ENOSYS, and the programs go on.
 */
export class ListenerCopy {
  #fd: number | undefined;

  /** Takes a copy of the listener that has this number in the machine, in place of the last one. */
  take(machine: number, listener: number): void {
    this.close();
    const pidfd = openProcess(machine);
    // A machine that was killed meanwhile; its end comes next.
    if (pidfd < 0) return;
    const copy = takeDescriptor(pidfd, listener);
    close(pidfd);
    if (copy >= 0) this.#fd = copy;
  }

  /** For when no program is left that could wait. */
  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
    this.#fd = undefined;
  }
}
