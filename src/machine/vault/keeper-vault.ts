/** The keeper as the vault of its machine, as the machine sees it. */
import { constants, writeSync } from 'node:fs';
import { setStatusFlags, statusFlags } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { sendMessage } from '../../host/unix-socket.js';
import { errno } from '../../uapi/errno.js';
import { type Vault, VaultError } from './vault.js';

/** More descriptors are in sockets than one user may have there: the keeper takes them out. */
const ETOOMANYREFS = 109;
/** Milliseconds. */
const PAUSE = 1;

export class KeeperVault implements Vault {
  readonly #socket: number;
  readonly #bell: number;

  /**
   * @param socket a message in it is safe: it waits there for the keeper, whatever becomes of the machine
   * @param bell the end of a pipe to write to
   */
  constructor(socket: number, bell: number) {
    this.#socket = socket;
    this.#bell = bell;
    // A keeper that has not looked yet needs no second byte.
    setStatusFlags(bell, statusFlags(bell) | constants.O_NONBLOCK);
  }

  put(name: string, descriptor: number): void {
    this.#send(`put ${name}`, descriptor);
  }

  remove(name: string): void {
    this.#send(`remove ${name}`);
  }

  /** Waits while the socket is full: the keeper empties it. */
  #send(message: string, descriptor?: number): void {
    for (;;) {
      try {
        sendMessage(this.#socket, message, descriptor);
        break;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        if (error.errno === errno.EINTR) continue;
        if (error.errno === ETOOMANYREFS) {
          this.#ring();
          pause();
          continue;
        }
        throw new VaultError(`${error.operation} to the keeper failed with error ${error.errno}`);
      }
    }
    this.#ring();
  }

  #ring(): void {
    try {
      writeSync(this.#bell, '!');
    } catch {
      // It is full, and the keeper will look; or the keeper is gone, which the next message finds out.
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
}
