/** Times as people read them. */

/** A length of time in three digits: `3 us`, `86.8 us`, `120 ms`, `2.00 s`. @param micro the letter for 10^-6 */
export function durationText(microseconds: number, micro = 'u'): string {
  const [value, unit] = scaled(microseconds, micro);
  const text = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  // Whole microseconds are what most are: no zeros behind them.
  return `${Number.isInteger(value) && unit !== 's' ? value : text} ${unit}`;
}

/** A moment, to the microsecond: `2.000003 s`. */
export function momentText(microseconds: number): string {
  return `${(microseconds / 1_000_000).toFixed(6)} s`;
}

function scaled(microseconds: number, micro: string): [value: number, unit: string] {
  // Just below, three digits would be rounded up to 1000.
  if (microseconds < 999.5) return [microseconds, `${micro}s`];
  if (microseconds < 999_500) return [microseconds / 1000, 'ms'];
  return [microseconds / 1_000_000, 's'];
}
