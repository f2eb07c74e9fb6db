import {
  decodeFileArguments,
  decodeGetNameArguments,
  encodeFileArguments,
  encodeFinishArguments,
  encodeGetNameArguments,
  LIVEUPDATE_SESSION_FINISH,
  LIVEUPDATE_SESSION_GET_NAME,
  LIVEUPDATE_SESSION_NAME_LENGTH,
  LIVEUPDATE_SESSION_PRESERVE_FD,
  LIVEUPDATE_SESSION_RETRIEVE_FD,
  LiveupdateSize,
} from '../uapi/liveupdate.js';
import { checkedDescriptor, Descriptor } from './descriptor.js';
import type { Attempt } from './error.js';
import { decodeSessionName } from './name.js';
import { tokenText, toToken } from './token.js';

/**
 * A session: files that pass to the next generation together, each under a token. One that was created must be open
 * when the live update comes, in any process; one that was retrieved is finished by `finish()`, by the last close of
 * its descriptor, or by the end of the process.
 */
export class LiveUpdateSession {
  readonly #descriptor: Descriptor;

  private constructor(
    fd: number,
    /** The name, without its NUL. */
    readonly nameBytes: Uint8Array,
  ) {
    this.#descriptor = new Descriptor(fd, `session "${decodeSessionName(nameBytes)}"`);
  }

  /**
   * The session behind a descriptor that another program made and passed on, such as a service manager. From now on it
   * is this object's to close.
   *
   * @param name for kernels without GET_NAME (the v5 series); where it is left out, the kernel is asked
   * @throws LiveUpdateError `ENOTTY` or `EINVAL` where it is no session, or the kernel cannot tell the name
   */
  static fromDescriptor(fd: number, name?: string | Uint8Array): LiveUpdateSession {
    const bytes = name === undefined ? nameOf(fd) : Buffer.from(name);
    const end = bytes.indexOf(0);
    return new LiveUpdateSession(fd, Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end)));
  }

  /** The name as text: that of the kernel, which is the one that it was asked for. */
  get name(): string {
    return decodeSessionName(this.nameBytes);
  }

  /** The session's descriptor, which stays this object's. A child that inherits it keeps the session open. */
  get fd(): number {
    return this.#descriptor.for(this.#attempt('GET_NAME', 'use'));
  }

  /**
   * Gives a file to the next generation, under a token that no other file of the session has. The session holds the
   * file, so that `fd` may be closed. Until the session is closed its size is frozen and its content is not.
   *
   * @param file a descriptor, or what has one, such as a Memfd
   * @param token any 64 bits
   * @throws LiveUpdateError `EEXIST` for a token that is taken, `EBADF`, `ENOENT` for a file of a kind that cannot be
   * preserved, `EBUSY` for one that is preserved already or whose session is not finished, `EINVAL` in a session that
   * was retrieved, `ENOSPC`, `EFBIG`, `ENOMEM`
   * @throws RangeError, TypeError where `token` is none
   */
  preserve(file: number | { readonly fd: number }, token: number | bigint): void {
    const fd = checkedDescriptor(descriptorOf(file));
    const key = toToken(token);
    const what = this.#attempt('PRESERVE_FD', `preserve descriptor ${fd} under token ${tokenText(key)} in`, key);
    const argument = encodeFileArguments({ size: LiveupdateSize.file, fd, token: key });
    this.#descriptor.command(what, LIVEUPDATE_SESSION_PRESERVE_FD, argument);
  }

  /**
   * Takes a file that the last generation preserved. A second call gives another descriptor of the same open file.
   *
   * @returns a descriptor, close-on-exec, which is the caller's to close
   * @throws LiveUpdateError `ENOENT` for a token that the session does not have, or once it is finished, `EINVAL` in a
   * session that was created, `EMFILE`, or what kept the kernel from making the file again
   * @throws RangeError, TypeError where `token` is none
   */
  retrieve(token: number | bigint): number {
    const key = toToken(token);
    const what = this.#attempt('RETRIEVE_FD', `retrieve token ${tokenText(key)} from`, key);
    const argument = encodeFileArguments({ size: LiveupdateSize.file, fd: -1, token: key });
    this.#descriptor.command(what, LIVEUPDATE_SESSION_RETRIEVE_FD, argument);
    return decodeFileArguments(argument).fd;
  }

  /**
   * Tells the kernel that all was taken that is wanted: what was not retrieved is gone. The name stays taken until
   * `close()`. A second call does nothing.
   *
   * @throws LiveUpdateError `EINVAL` for a session that was created (v5 series: its files are let go of), `EBUSY` where
   * a file is not ready
   */
  finish(): void {
    const argument = encodeFinishArguments({ size: LiveupdateSize.finish, reserved: 0 });
    this.#descriptor.command(this.#attempt('FINISH', 'finish'), LIVEUPDATE_SESSION_FINISH, argument);
  }

  /**
   * Closes the descriptor. Where it was the last one: a session that was created lets go of its files, which do not
   * pass; one that was retrieved is finished. A second call does nothing.
   */
  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #attempt(operation: Attempt['operation'], action: string, token?: bigint): Attempt {
    const { name } = this;
    const whole = { operation, action: `${action} session "${name}"`, session: name };
    return token === undefined ? whole : { ...whole, token };
  }
}

/** What a caller in JavaScript hands in may be nothing at all, which is no descriptor. */
function descriptorOf(file: number | { readonly fd: number } | null | undefined): number {
  return typeof file === 'number' ? file : (file?.fd ?? Number.NaN);
}

/** Asks the kernel. The descriptor stays the caller's where that fails. */
function nameOf(fd: number): Uint8Array {
  const empty = new Uint8Array(LIVEUPDATE_SESSION_NAME_LENGTH);
  const argument = encodeGetNameArguments({ size: LiveupdateSize.getName, reserved: 0, name: empty });
  const what: Attempt = { operation: 'GET_NAME', action: `tell the name of the session behind descriptor ${fd}` };
  new Descriptor(fd, `descriptor ${fd}`).command(what, LIVEUPDATE_SESSION_GET_NAME, argument);
  return decodeGetNameArguments(argument).name;
}
