const LIMIT = 2n ** 64n;

/**
 * A token as the kernel has it, 64 bits without a sign.
 *
 * @throws TypeError where it is no bigint and no safe integer
 * @throws RangeError where it is negative, or has more than 64 bits
 */
export function toToken(token: number | bigint): bigint {
  if (typeof token !== 'bigint' && !Number.isSafeInteger(token))
    throw new TypeError(`Cannot use ${String(token)} as a token: a bigint or a safe integer is needed`);
  const value = BigInt(token);
  if (value < 0n || value >= LIMIT) throw new RangeError(`Cannot use ${value} as a token: it must be from 0 to 2^64-1`);
  return value;
}

/** As messages write it: 0x1a. */
export function tokenText(token: bigint): string {
  return `0x${token.toString(16)}`;
}
