/** What is saved of a kernel, as JSON has it. */
import { KernelError } from '../../kernel/error.js';
import type { Descriptor } from '../../kernel/hardware.js';
import type { SavedIncomingFile, SavedKernel, SavedOutcome, SavedSession } from '../../kernel/kernel.js';

export interface SessionName {
  readonly type: SavedSession['type'];
  /** The bytes, two hexadecimal digits each. */
  readonly name: string;
}

interface FileJson {
  /** Decimal. */
  readonly token: string;
  readonly descriptor: number;
}

interface IncomingFileJson extends FileJson {
  readonly outcome?: { readonly size: string | null } | { readonly failure: { code: string; message: string } };
}

interface SessionJson extends SessionName, Pick<SavedSession, 'retrieved' | 'finished' | 'frozen'> {
  readonly outgoing: readonly FileJson[];
  readonly incoming: readonly IncomingFileJson[];
}

export interface KernelJson {
  /** Decimal. */
  readonly number: string;
  readonly sessions: readonly SessionJson[];
}

export function kernelToJson({ number, sessions }: SavedKernel): KernelJson {
  return {
    number: String(number),
    sessions: sessions.map((session) => ({
      ...session,
      ...nameToJson(session),
      outgoing: session.outgoing.map(fileToJson),
      incoming: session.incoming.map((file) => ({
        ...fileToJson(file),
        ...(file.outcome === undefined ? {} : { outcome: outcomeToJson(file.outcome) }),
      })),
    })),
  };
}

export function kernelFromJson({ number, sessions }: KernelJson): SavedKernel {
  return {
    number: BigInt(number),
    sessions: sessions.map((session) => ({
      ...session,
      ...nameFromJson(session),
      outgoing: session.outgoing.map(fileFromJson),
      incoming: session.incoming.map(
        (file): SavedIncomingFile => ({
          ...fileFromJson(file),
          outcome: file.outcome === undefined ? undefined : outcomeFromJson(file.outcome),
        }),
      ),
    })),
  };
}

export function nameToJson({ type, name }: Pick<SavedSession, 'type' | 'name'>): SessionName {
  return { type, name: Buffer.from(name).toString('hex') };
}

export function nameFromJson({ type, name }: SessionName): Pick<SavedSession, 'type' | 'name'> {
  return { type, name: Buffer.from(name, 'hex') };
}

/** The files of the host that it refers to. */
export function descriptorsOf({ sessions }: KernelJson): number[] {
  return sessions.flatMap(({ outgoing, incoming }) => [...outgoing, ...incoming].map(({ descriptor }) => descriptor));
}

function fileToJson({ token, descriptor }: { token: bigint; descriptor: number }): FileJson {
  return { token: String(token), descriptor };
}

function fileFromJson({ token, descriptor }: FileJson): { token: bigint; descriptor: Descriptor } {
  // A number of this process's own table, which is what the hardware of a machine means by it.
  return { token: BigInt(token), descriptor: descriptor as Descriptor };
}

function outcomeToJson(outcome: SavedOutcome): NonNullable<IncomingFileJson['outcome']> {
  if ('size' in outcome) return { size: outcome.size === undefined ? null : String(outcome.size) };
  const { code, message } = outcome.failure;
  return { failure: { code, message } };
}

function outcomeFromJson(outcome: NonNullable<IncomingFileJson['outcome']>): SavedOutcome {
  if ('size' in outcome) return { size: outcome.size === null ? undefined : BigInt(outcome.size) };
  const { code, message } = outcome.failure;
  // Written from one by a luo of the same format.
  return { failure: new KernelError(code as KernelError['code'], message) };
}
