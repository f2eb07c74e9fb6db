import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refused } from '../testing/expect.js';
import { pageFrameNumber } from '../units.js';
import { FOLIO_DIRTY, FOLIO_UPTODATE, pfnAboveFlags, pfnBelowFlags } from './memfd-folios.js';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const page = fc.integer({ min: 0, max: 2 ** 40 - 1 }).map(pageFrameNumber);
const flags = fc.bigInt({ min: 0n, max: 4095n });

test('memfd-v1: a folio has its page in the upper 52 bits and its flags in the lower 12', () => {
  fc.assert(
    fc.property(page, flags, u64, (pfn, given, index) => {
      const descriptor = pfnAboveFlags.encode(pfn, given);
      equal(descriptor, BigInt(pfn) * 4096n + given);
      deepEqual(pfnAboveFlags.decode(descriptor, index), { pfn, flags: given, index });
    }),
  );
  refused('EINVAL', () => pfnAboveFlags.decode(2n ** 52n, 0n));
});

test('memfd-v2: a folio has its page in the lower 52 bits and its flags in the upper 12', () => {
  equal(pfnBelowFlags.encode(pageFrameNumber(0x80e), FOLIO_DIRTY | FOLIO_UPTODATE), 0x3000000000080en);
  fc.assert(
    fc.property(page, flags, u64, (pfn, given, index) => {
      const descriptor = pfnBelowFlags.encode(pfn, given);
      deepEqual(pfnBelowFlags.decode(descriptor, index), { pfn, flags: given, index });
    }),
  );
  refused('EINVAL', () => pfnBelowFlags.decode(2n ** 40n, 0n));
});
