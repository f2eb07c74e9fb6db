/** Signals by name. */
import { constants } from 'node:os';

/** Signals that ask a program to end. */
const endingSignals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

export function asksToEnd(signal: string): boolean {
  return endingSignals.some((one) => one === signal);
}

/** The name of a signal, such as `SIGSEGV`. */
export function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `signal ${number}`;
}
