import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refused } from '../testing/expect.js';
import { PAGE_SIZE, type PageFrameNumber, pageFrameNumber, physicalAddress } from '../units.js';
import type { MemfdRecord } from './memfd-format.js';
import { memfdFormats } from './memfd-formats.js';
import { memfdV2 } from './memfd-v2.js';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const page = fc.integer({ min: 1, max: 2 ** 40 - 1 }).map(pageFrameNumber);
const seals = fc.nat({ max: 0x3f });

/** What a page has that the structure is in. */
function inPage(record: Omit<MemfdRecord, 'region'> & { readonly region: number }): Uint8Array {
  const bytes = new Uint8Array(PAGE_SIZE);
  bytes.set(memfdV2.encode({ ...record, region: pageFrameNumber(record.region) }));
  return bytes;
}

const sealed = {
  position: 1234n,
  size: 8203n,
  seals: 7,
  region: pageFrameNumber(0x812),
  folioCount: 3n,
  folios: { first: physicalAddress(0x816000), totalPages: 1, flags: 1, order: 0 },
};

test('the structure is that of Linux 7.3: nothing of luo is in it where a folio tells the place', () => {
  const expected = `
    d204000000000000 0b20000000000000 07000000 00000000 0300000000000000
    0060810000000000 01000000 0100 0000 0000000000000000`;
  equal(Buffer.from(memfdV2.encode(sealed)).toString('hex'), expected.replace(/\s/g, ''));
});

test('a memfd comes back as it went', () => {
  const folios = fc.record(
    {
      first: page.map((pfn) => physicalAddress(pfn * PAGE_SIZE)),
      totalPages: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      flags: fc.constant(1),
      order: fc.constant(0),
    },
    { noNullPrototype: true },
  );
  const count = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(u64, u64, seals, page, count, folios, (position, size, seals, region, folioCount, list) => {
      const file = { position, size, seals, region };
      for (const given of [
        { ...file, folioCount, folios: list },
        { ...file, folioCount: 0n, folios: undefined },
      ]) {
        deepEqual(memfdV2.decode(inPage(given)), { ...given, region: given.folios ? undefined : region });
      }
    }),
  );
});

test('a file of Linux without a folio has no place', () => {
  const record = { ...sealed, size: 0n, folioCount: 0n, folios: undefined };
  equal(memfdV2.decode(inPage({ ...record, region: 0 })).region, undefined);
});

test('a seal that is not known is EOPNOTSUPP', () => {
  refused('EOPNOTSUPP', () => memfdV2.decode(inPage({ ...sealed, seals: 0x40 })));
  refused('EOPNOTSUPP', () => memfdV2.decode(inPage({ ...sealed, seals: 0x80000000 })));
});

test('a structure that is no memfd is EINVAL: too short, a flag, an address or a place that no machine has', () => {
  refused('EINVAL', () => memfdV2.decode(new Uint8Array(48)));
  const changed = (at: number, value: bigint, record: MemfdRecord & { readonly region: PageFrameNumber } = sealed) => {
    const bytes = inPage(record);
    new DataView(bytes.buffer).setBigUint64(at, value, true);
    return bytes;
  };
  refused('EINVAL', () => memfdV2.decode(changed(16, 1n << 32n)));
  refused('EINVAL', () => memfdV2.decode(changed(32, 2n ** 52n)));
  const holes = { ...sealed, folioCount: 0n, folios: undefined };
  refused('EINVAL', () => memfdV2.decode(changed(48, 2n ** 40n, holes)));
});

test('a format has the name by which it is found', () => {
  for (const [name, { compatible }] of Object.entries(memfdFormats)) equal(compatible, name);
});
