/** The keeper as the vault of its machine, as the machine sees it. */
import { constants, writeSync } from 'node:fs';
import { setStatusFlags, statusFlags } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { sendMessage } from '../../host/unix-socket.js';
import { errno } from '../../uapi/errno.js';
import { type Vault, VaultError } from './vault.js';

/** What the host says where the way to the keeper is full: of messages, or of descriptors that are on their way. */
const ETOOMANYREFS = 109;
const full: readonly number[] = [errno.EAGAIN, ETOOMANYREFS];
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
    for (const fd of [socket, bell]) setStatusFlags(fd, statusFlags(fd) | constants.O_NONBLOCK);
  }

  /** The keeper need not wake up for it. */
  put(name: string, descriptor: number): void {
    this.#send(`put ${name}`, descriptor);
  }

  /** What the keeper holds takes memory until it lets go of it. */
  remove(name: string): void {
    this.#send(`remove ${name}`);
    this.#ring();
  }

  /** Waits while the way is full: the keeper empties it. */
  #send(message: string, descriptor?: number): void {
    for (;;) {
      try {
        sendMessage(this.#socket, message, descriptor);
        return;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        if (error.errno === errno.EINTR) continue;
        if (!full.includes(error.errno))
          throw new VaultError(`${error.operation} to the keeper failed with error ${error.errno}`);
      }
      this.#ring();
      pause();
    }
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
