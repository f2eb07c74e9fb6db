/** An upgrade that does not happen. Everything is as before. */
export class UpgradeError extends Error {
  override readonly name = 'UpgradeError';

  /** @param reason why, and what to do about it */
  constructor(reason: string) {
    super(`Cannot upgrade the machine: ${reason}. Nothing has changed, and it goes on with the luo that it has`);
  }
}
