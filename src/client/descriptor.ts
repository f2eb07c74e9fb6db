import { close } from '../host/descriptors.js';
import { ioctl } from '../host/ioctl.js';
import { SystemError } from '../host/libc.js';
import { type Attempt, attempt, closedError, LiveUpdateError } from './error.js';

/** A descriptor that its owner closes once. */
export class Descriptor {
  #fd: number | undefined;

  /** @param what names its owner in messages, such as `session "cache"` */
  constructor(
    fd: number,
    readonly what: string,
  ) {
    this.#fd = checkedDescriptor(fd);
  }

  get isOpen(): boolean {
    return this.#fd !== undefined;
  }

  /**
   * The number.
   *
   * @throws LiveUpdateError `EBADF` after close()
   */
  for(what: Attempt): number {
    if (this.#fd === undefined) throw closedError(what, this.what);
    return this.#fd;
  }

  /** Makes an ioctl whose argument is a structure, which comes back as the kernel left it. */
  command(what: Attempt, command: number, argument: Uint8Array): void {
    const fd = this.for(what);
    attempt(what, () => {
      const result = ioctl(fd, command, argument);
      if (result < 0) throw new SystemError(what.operation, -result);
    });
  }

  /** Closes it, where that was not done. Never twice: the number may be somebody else's by then. */
  close(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    try {
      close(fd);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw new LiveUpdateError({ operation: 'close', action: `close ${this.what}` }, error.errno);
    }
  }
}

/** @throws TypeError where it cannot be a descriptor */
export function checkedDescriptor(fd: number): number {
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return fd;
  throw new TypeError(`Cannot use ${String(fd)} as a descriptor: a number from 0 is needed`);
}
