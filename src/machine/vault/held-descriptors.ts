/** What a keeper holds for its machine, by name. */
import { close } from '../../host/descriptors.js';
import { SystemError } from '../../host/libc.js';
import { type Received, receiveMessage } from '../../host/unix-socket.js';
import type { HeldState } from './held-state.js';
import { readJournal } from './journal.js';
import { isVaultName, latestJournal } from './vault.js';

export class HeldDescriptors {
  readonly #byName: Map<string, number>;
  readonly #lost: (name: string) => void;

  /**
   * @param held what is there already
   * @param lost called with what came without its descriptor: this process has no room for it
   */
  constructor(lost: (name: string) => void, held: ReadonlyMap<string, number> = new Map()) {
    this.#lost = lost;
    this.#byName = new Map(held);
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  get all(): ReadonlyMap<string, number> {
    return this.#byName;
  }

  /** Takes what the machine has put into the socket, which does not wait. */
  receive(socket: number): void {
    for (;;) {
      const message = nextMessage(socket);
      if (message === undefined || message.text === '') return;
      this.#take(message);
    }
  }

  /** What the latest journal says; undefined where none has come. */
  state(): HeldState | undefined {
    const journal = this.#byName.get(latestJournal(this.#byName.keys())?.name ?? '');
    return journal === undefined ? undefined : readJournal(journal);
  }

  close(): void {
    for (const descriptor of this.#byName.values()) close(descriptor);
    this.#byName.clear();
  }

  #take({ text, descriptor }: Received): void {
    const [verb, name = ''] = text.split(' ');
    if (!isVaultName(name)) throw new Error(`Cannot hold "${name}" for a machine: it is no name of a vault`);
    const old = this.#byName.get(name);
    if (old !== undefined) close(old);
    this.#byName.delete(name);
    if (verb === 'remove') return;
    if (descriptor === undefined) this.#lost(name);
    else this.#byName.set(name, descriptor);
  }
}

/** Undefined where there is none, or the machine is gone. */
function nextMessage(socket: number): Received | undefined {
  try {
    return receiveMessage(socket);
  } catch (error) {
    // Descriptors of a machine that was killed in the middle of a message: the message is not there.
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}
