import { constants } from 'node:fs';
import { open } from '../host/descriptors.js';
import {
  decodeSessionArguments,
  encodeSessionArguments,
  LIVEUPDATE_DEVICE,
  LIVEUPDATE_IOCTL_CREATE_SESSION,
  LIVEUPDATE_IOCTL_RETRIEVE_SESSION,
  LiveupdateSize,
} from '../uapi/liveupdate.js';
import { Descriptor } from './descriptor.js';
import { type Attempt, attempt } from './error.js';
import { decodeSessionName, encodeSessionName } from './name.js';
import { LiveUpdateSession } from './session.js';

/**
 * The device `/dev/liveupdate`: that of the kernel, or that of a machine of luo's. One program at a time has it open;
 * sessions do not need it after they were made, so close it soon.
 *
 * All calls are synchronous, as the kernel's are. They take microseconds, but for `preserve`, which on Linux also
 * allocates the memory that a file does not have yet.
 */
export class LiveUpdate {
  readonly #device: Descriptor;

  private constructor(fd: number) {
    this.#device = new Descriptor(fd, LIVEUPDATE_DEVICE);
  }

  /**
   * Opens the device, close-on-exec.
   *
   * @throws LiveUpdateError `ENOENT` where there is no such device, `EBUSY` where it is open, `EACCES`, `EIO` where the
   * kernel cannot read what the last generation left
   */
  static open(): LiveUpdate {
    const what: Attempt = { operation: 'open', action: `open ${LIVEUPDATE_DEVICE}` };
    return new LiveUpdate(attempt(what, () => open(LIVEUPDATE_DEVICE, constants.O_RDWR)));
  }

  /** The device behind a descriptor that another program opened and passed on. From now on it is this object's to close. */
  static fromDescriptor(fd: number): LiveUpdate {
    return new LiveUpdate(fd);
  }

  /** Whether it was not closed. */
  get isOpen(): boolean {
    return this.#device.isOpen;
  }

  /** The device's descriptor, which stays this object's. */
  get fd(): number {
    return this.#device.for({ operation: 'open', action: `use ${LIVEUPDATE_DEVICE}` });
  }

  /**
   * Makes a session. What is preserved in it passes to the next generation if the session is open then.
   *
   * @param name 1 to 63 bytes (v5 series: 55) without a NUL; a string is written as UTF-8
   * @throws LiveUpdateError `EEXIST` where a session of this name is open, `EMFILE`, `ENOMEM`
   * @throws RangeError, TypeError where it is no name
   */
  createSession(name: string | Uint8Array): LiveUpdateSession {
    return this.#session('CREATE_SESSION', LIVEUPDATE_IOCTL_CREATE_SESSION, name);
  }

  /**
   * Takes a session that the last generation left. It can be taken once.
   *
   * @throws LiveUpdateError `ENOENT` where there is no such session, `EINVAL` where it was taken and is open, `EMFILE`
   * @throws RangeError, TypeError where it is no name
   */
  retrieveSession(name: string | Uint8Array): LiveUpdateSession {
    return this.#session('RETRIEVE_SESSION', LIVEUPDATE_IOCTL_RETRIEVE_SESSION, name);
  }

  /** Closes the device. Sessions stay as they are. A second call does nothing. */
  close(): void {
    this.#device.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #session(
    operation: 'CREATE_SESSION' | 'RETRIEVE_SESSION',
    command: number,
    name: string | Uint8Array,
  ): LiveUpdateSession {
    const field = encodeSessionName(name);
    const session = decodeSessionName(field);
    const verb = operation === 'CREATE_SESSION' ? 'create' : 'retrieve';
    // The v5 series has 64 bytes for the first: it takes 72 where those after them are 0.
    const argument = encodeSessionArguments({ size: LiveupdateSize.createSession, fd: -1, name: field });
    this.#device.command({ operation, action: `${verb} session "${session}"`, session }, command, argument);
    return LiveUpdateSession.fromDescriptor(decodeSessionArguments(argument).fd, field);
  }
}
