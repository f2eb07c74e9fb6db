/**
 * The file descriptor store of a service manager as the vault of a machine (`sd_notify(3)`, `FDSTORE=1`): what is in it
 * outlives the keeper, too.
 */

import { connectDatagram } from '../../host/datagram.js';
import { close, pipe } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { pollOnce } from '../../host/poll.js';
import { sendMessage } from '../../host/unix-socket.js';
import { say } from '../report.js';
import { type Vault, VaultError } from './vault.js';

/** How long a service manager may take until it has seen to a message. Milliseconds. */
const PATIENCE = 10_000;

export class ServiceVault implements Vault {
  readonly #socket: number;
  readonly #patience: number;

  /**
   * @param address the value of `NOTIFY_SOCKET`
   * @throws VaultError where nobody listens there
   */
  constructor(address: string, patience = PATIENCE) {
    this.#socket = attempt(() => connectDatagram(address));
    this.#patience = patience;
  }

  /** A manager whose unit has no store takes the message, too, and says nothing. */
  put(name: string, descriptor: number): void {
    this.#send(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, descriptor);
    // A message of a process that has died may be ignored: what counts is that it was seen to.
    this.#waitUntilSeen();
  }

  remove(name: string): void {
    this.#send(`FDSTOREREMOVE=1\nFDNAME=${name}`);
  }

  /** The manager closes what comes with a barrier once it has seen to all that came before. */
  #waitUntilSeen(): void {
    const [ours, theirs] = attempt(pipe);
    try {
      try {
        this.#send('BARRIER=1', theirs);
      } finally {
        close(theirs);
      }
      // A signal ends a wait, too.
      const end = performance.now() + this.#patience;
      for (let left = this.#patience; left > 0; left = end - performance.now()) {
        if (pollOnce(ours, left) !== 0) return;
      }
    } finally {
      close(ours);
    }
    throw new VaultError(`the service manager has not answered for ${this.#patience} ms`);
  }

  #send(message: string, descriptor?: number): void {
    attempt(() => sendMessage(this.#socket, message, descriptor));
  }
}

/**
 * What is put away in one place is put away in the other, too. One of them is enough: where a keeper is killed, its
 * service manager is about to end the machine, and has all of it.
 */
export class BothVaults implements Vault {
  #vaults: readonly Vault[];

  constructor(...vaults: readonly Vault[]) {
    this.#vaults = vaults;
  }

  put(name: string, descriptor: number): void {
    this.#each((vault) => vault.put(name, descriptor));
  }

  remove(name: string): void {
    this.#each((vault) => vault.remove(name));
  }

  #each(action: (vault: Vault) => void): void {
    let last: VaultError | undefined;
    for (const vault of this.#vaults) {
      try {
        action(vault);
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        this.#vaults = this.#vaults.filter((other) => other !== vault);
        last = error;
      }
    }
    if (last === undefined) return;
    if (this.#vaults.length === 0) throw last;
    say(`What the machine preserves is held in one place only from now on: ${last.message}`);
  }
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof SystemError) {
      throw new VaultError(
        `the service manager cannot be told (${error.message}). NOTIFY_SOCKET must be its socket; without a manager, unset it`,
      );
    }
    throw error;
  }
}
