/** The kernel that stands in for one that is gone: it preserves again what was held, and hands it over. */
import { close } from '../../host/descriptors.js';
import { KernelError } from '../../kernel/error.js';
import type { Descriptor, Handover, Hardware } from '../../kernel/hardware.js';
import { Kernel, type KernelOptions } from '../../kernel/kernel.js';
import type { RecoveryReport } from '../control-protocol.js';
import { describeThrown, plural, say } from '../report.js';
import { nameText } from '../session-status.js';
import type { HeldFile, HeldSession, HeldState, JournalRecord } from './held-state.js';
import { readJournal } from './journal.js';
import { latestJournal } from './vault.js';

/** What was held cannot be taken over. It stays held. */
export class RecoveryError extends Error {
  override readonly name = 'RecoveryError';
}

/** What was held of a machine, in the process that is to be the next one. */
export class Recovery {
  readonly #state: HeldState;
  readonly #descriptors: ReadonlyMap<string, number>;

  private constructor(state: HeldState, descriptors: ReadonlyMap<string, number>) {
    this.#state = state;
    this.#descriptors = descriptors;
  }

  /** Undefined where nothing is held that a machine could go on with. It is closed then. */
  static of(descriptors: ReadonlyMap<string, number>): Recovery | undefined {
    const journal = descriptors.get(latestJournal(descriptors.keys())?.name ?? '');
    if (journal !== undefined) {
      const state = readJournal(journal);
      if (!state.isEmpty) return new Recovery(state, descriptors);
    } else if (descriptors.size > 0) {
      say(`${plural(descriptors.size, 'descriptor')} cannot be recovered: no journal is held that says what they are`);
    }
    for (const descriptor of descriptors.values()) close(descriptor);
    return undefined;
  }

  /** The generation that ran last. */
  get generation(): number {
    return this.#state.running?.generation ?? 0;
  }

  /** What the journal of the next machine begins with. */
  get records(): JournalRecord[] {
    return this.#recoverable().flatMap(({ session, files }) => [
      { record: 'session' as const, direction: 'incoming' as const, session },
      ...files.map((file) => ({ record: 'file' as const, direction: 'incoming' as const, session, ...file })),
    ]);
  }

  /**
   * Preserves all of it in a kernel of its own, which ends when the next one has booted.
   *
   * @throws RecoveryError where a file is refused: nothing is given up then
   */
  preserve(hardware: Hardware, options: KernelOptions): { readonly kernel: Kernel; readonly handover: Handover } {
    const kernel = attempt('boot a kernel for it', () => Kernel.boot(hardware, options));
    for (const { session, files } of this.#recoverable()) {
      const name = Buffer.from(session, 'hex');
      attempt(`preserve the files of session "${nameText(name)}" again`, () =>
        kernel.preserveInSession(
          name,
          files.flatMap((file) => this.#opened(file)),
        ),
      );
    }
    const handover = attempt('freeze its files', () => kernel.reboot());
    this.#closeOthers();
    return { kernel, handover };
  }

  report(kernel: Kernel, generation: number): RecoveryReport {
    const { outgoing } = kernel.state();
    return {
      generation,
      sessions: outgoing.map(({ name, files }) => ({
        name: nameText(name),
        files: files.length,
        bytes: String(files.reduce((sum, { size }) => sum + (size ?? 0n), 0n)),
      })),
      notRecovered: this.#notRecovered(),
    };
  }

  #recoverable(): { readonly session: string; readonly files: readonly HeldFile[] }[] {
    return this.#state.inherited().sessions.map(({ session, files }) => ({
      session,
      files: [...files.values()].filter((file) => this.#descriptorOf(file) !== undefined),
    }));
  }

  #descriptorOf({ vault }: HeldFile): Descriptor | undefined {
    // A number of this process's own table, which is what the hardware of a machine means by it.
    return vault === null ? undefined : (this.#descriptors.get(vault) as Descriptor | undefined);
  }

  #opened(file: HeldFile): { token: bigint; descriptor: Descriptor }[] {
    const descriptor = this.#descriptorOf(file);
    return descriptor === undefined ? [] : [{ token: BigInt(file.token), descriptor }];
  }

  /** What no kernel has, such as the journal, would be held by this process for as long as it runs. */
  #closeOthers(): void {
    const used = new Set(this.#recoverable().flatMap(({ files }) => files.map((file) => this.#descriptorOf(file))));
    for (const descriptor of this.#descriptors.values()) {
      if (!used.has(descriptor as Descriptor)) close(descriptor);
    }
  }

  #notRecovered(): string[] {
    const { sessions, hidden } = this.#state.inherited();
    return [
      ...hidden.map(
        (session) => `${describe(session)} of the last kernel: a session of the same name was made after it`,
      ),
      ...sessions.flatMap((session) =>
        [...session.files.values()]
          .filter((file) => this.#descriptorOf(file) === undefined)
          .map(({ token, handler, vault }) => {
            const why = vault === null ? `files of ${handler} end with their machine` : 'its descriptor was lost';
            return `token ${token} of ${describe(session)}: ${why}`;
          }),
      ),
    ];
  }
}

function describe({ session }: HeldSession): string {
  return `session "${nameText(Buffer.from(session, 'hex'))}"`;
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof RecoveryError) throw error;
    const reason = error instanceof KernelError ? `(${error.code}): ${error.message}` : `: ${describeThrown(error)}`;
    throw new RecoveryError(`Cannot recover the machine: cannot ${what} ${reason}. All of it is still held`);
  }
}
