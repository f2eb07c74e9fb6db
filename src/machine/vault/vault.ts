/**
 * Where descriptors are that must outlive the process of a machine: its journal, and the files that it preserves. What
 * was put there stays whatever ends that process, and at whatever moment.
 */
export interface Vault {
  /**
   * Keeps a copy of a descriptor. It is safe when this returns.
   *
   * @param name that nothing in the vault has
   * @throws VaultError where it is not safe
   */
  put(name: string, descriptor: number): void;
  /** Lets go of a descriptor. @throws VaultError where nobody is there any more to do so */
  remove(name: string): void;
}

/** A vault that keeps nothing any more. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

/** What a machine does where its process, or its first program, comes to an end that nobody asked for. */
export const crashPolicies = ['end', 'hold', 'recover'] as const;
export type CrashPolicy = (typeof crashPolicies)[number];

/** The numbers of descriptors that a machine shares with its keeper, beside those of config.ts: what it puts away. */
export const VAULT_SOCKET = 5;
/** A byte in this pipe tells the keeper that something is in the socket. */
export const VAULT_BELL = 6;
/** What was held comes from here on. */
export const FIRST_HELD = 7;

/** Names in a vault: letters that a service manager takes, too. */
const JOURNAL = /^journal-(\d+)$/;
const FILE = /^file-(\d+)$/;

export function journalName(number: number): string {
  return `journal-${number}`;
}

export function fileName(number: number): string {
  return `file-${number}`;
}

/** The latest journal of those that are held: the one before may still be there where a machine was killed. */
export function latestJournal(names: Iterable<string>): { readonly name: string; readonly number: number } | undefined {
  const [latest] = numbersOf(names, JOURNAL).sort((a, b) => b - a);
  return latest === undefined ? undefined : { name: journalName(latest), number: latest };
}

/** Whether the name is one that luo gives: a service manager may hold others. */
export function isVaultName(name: string): boolean {
  return JOURNAL.test(name) || FILE.test(name);
}

/** A number that no file has. */
export function nextFileNumber(names: Iterable<string>): number {
  return Math.max(0, ...numbersOf(names, FILE)) + 1;
}

function numbersOf(names: Iterable<string>, pattern: RegExp): number[] {
  return [...names].flatMap((name) => {
    const [, number] = pattern.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
}
