import {
  ALL_SEALS,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from '../uapi/fcntl.js';

const bits = {
  seal: F_SEAL_SEAL,
  shrink: F_SEAL_SHRINK,
  grow: F_SEAL_GROW,
  write: F_SEAL_WRITE,
  'future-write': F_SEAL_FUTURE_WRITE,
  exec: F_SEAL_EXEC,
} as const;

/** What a memfd is sealed against, as fcntl(2) names it: `F_SEAL_GROW` is `grow`. */
export type Seal = keyof typeof bits;

/** @throws TypeError where one is no seal */
export function sealBits(seals: readonly Seal[]): number {
  let all = 0;
  for (const seal of seals) {
    if (!Object.hasOwn(bits, seal))
      throw new TypeError(`Cannot seal against "${String(seal)}": a seal is one of ${Object.keys(bits).join(', ')}`);
    all |= bits[seal];
  }
  return all;
}

export function sealNames(seals: number): Seal[] {
  // Object.entries widens the keys to string; they are those of the table.
  const known = Object.entries(bits) as [Seal, number][];
  return known.filter(([, bit]) => (seals & bit & ALL_SEALS) !== 0).map(([name]) => name);
}
