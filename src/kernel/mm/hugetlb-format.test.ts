import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refused } from '../testing/expect.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from '../units.js';
import { hugetlbMemfdV1 } from './hugetlb-format.js';

const { encode, decode } = hugetlbMemfdV1;

/** What a page has that the state is in. */
function inPage(record: Parameters<typeof encode>[0]): Uint8Array {
  const bytes = new Uint8Array(PAGE_SIZE);
  bytes.set(encode(record));
  return bytes;
}

const empty = {
  ...{ position: 7n, size: 0n, seals: 3, region: pageFrameNumber(2 ** 28) },
  ...{ folioCount: 0n, folios: undefined, order: 9 },
};

test('a memfd of huge pages comes back as it went, and fits into a page', () => {
  const folios = { first: physicalAddress(PAGE_SIZE), totalPages: 1, flags: 1, order: 0 };
  const order = fc.integer({ min: 1, max: 18 });
  const pages = fc.bigInt({ min: 1n, max: 2n ** 20n });
  fc.assert(
    fc.property(order, pages, (order, folioCount) => {
      const given = { ...empty, order, size: folioCount * BigInt(PAGE_SIZE * 2 ** order), folioCount, folios };
      deepEqual(decode(inPage(given)), { ...given, region: undefined });
    }),
  );
  deepEqual(decode(inPage(empty)), empty);
  equal(encode(empty).length <= PAGE_SIZE, true);
});

test('a state that is no memfd of huge pages is EINVAL', () => {
  refused('EINVAL', () => decode(new Uint8Array(PAGE_SIZE)));
  refused('EINVAL', () => decode(inPage({ ...empty, order: 19 })));
  refused('EINVAL', () => decode(inPage({ ...empty, size: 4096n })));
  const reserved = inPage(empty);
  reserved[4] = 1;
  refused('EINVAL', () => decode(reserved));
});
