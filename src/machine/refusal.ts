/** Why a change of generation does not happen. */
import { errno } from '../uapi/errno.js';
import { CommandError } from './command.js';
import type { Outcome } from './config.js';
import { LauncherError } from './launcher.js';
import { LiveUpdateError } from './live-update.js';
import { asksToEnd, signalName } from './signals.js';
import { RecoveryError } from './vault/recovery.js';

/** Everything is as before. Whatever else is thrown is a bug. */
export type Refusal = CommandError | LauncherError | LiveUpdateError | RecoveryError;

const refusals = [CommandError, LauncherError, LiveUpdateError, RecoveryError];

export function isRefusal(error: unknown): error is Refusal {
  return refusals.some((refusal) => error instanceof refusal);
}

/** What the `reboot` that asked for the change returns. Positive. */
export function errnoOf(refusal: Refusal): number {
  return refusal instanceof LiveUpdateError ? refusal.errno : errno.EIO;
}

/** What a machine ends with that has nothing to go on with. */
export function outcomeOf(refusal: Refusal): Outcome {
  const failure = refusal.message;
  if (refusal instanceof CommandError) return { failure, code: refusal.exitCode };
  const signal = refusal instanceof LauncherError ? refusal.signal : undefined;
  // A key of the terminal, which may reach the launcher before it reaches luo.
  return signal !== undefined && asksToEnd(signalName(signal)) ? { failure, signal } : { failure };
}
