import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FdtWriter } from '../kho/fdt-writer.js';
import { refused } from '../testing/expect.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from '../units.js';
import { decodeFolioEntry, decodeMemfd, encodeFolioDescriptor, encodeMemfd } from './memfd-abi.js';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const page = fc.integer({ min: 0, max: 2 ** 40 - 1 }).map(pageFrameNumber);

test('a memfd comes back as it went, and fits into a page', () => {
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
    fc.property(u64, count, page, count, folios, (position, size, region, folioCount, list) => {
      for (const given of [
        { position, size, region, folioCount, folios: list },
        { position, size, region, folioCount: 0n, folios: undefined },
        { position, size: 0n, region, folioCount: 0n, folios: undefined },
      ]) {
        const bytes = encodeMemfd(given);
        equal(bytes.length <= PAGE_SIZE, true);
        deepEqual(decodeMemfd(bytes), given);
      }
    }),
  );
});

test('a tree that is no memfd is EINVAL', () => {
  const tree = (properties: [string, bigint][]) => {
    const writer = new FdtWriter();
    writer.beginNode('');
    for (const [name, value] of properties) writer.propertyU64(name, value);
    writer.endNode();
    return writer.finish();
  };
  refused('EINVAL', () => decodeMemfd(new Uint8Array(PAGE_SIZE)));
  refused('EINVAL', () => decodeMemfd(tree([['pos', 0n]])));
  refused('EINVAL', () =>
    decodeMemfd(
      tree([
        ['pos', 0n],
        ['size', 1n],
      ]),
    ),
  );
  refused('EINVAL', () =>
    decodeMemfd(
      tree([
        ['pos', 0n],
        ['size', 1n],
        ['nr_folios', 1n],
        ['region', 1n],
      ]),
    ),
  );
  refused('EINVAL', () =>
    decodeMemfd(
      tree([
        ['pos', 0n],
        ['size', 1n],
        ['nr_folios', 0n],
        ['region', 2n ** 40n],
      ]),
    ),
  );
});

test('a folio has its page in the upper 52 bits and its flags in the lower 12', () => {
  const flags = fc.bigInt({ min: 0n, max: 4095n });
  fc.assert(
    fc.property(page, flags, u64, (pfn, given, index) => {
      const descriptor = encodeFolioDescriptor(pfn, given);
      equal(descriptor, BigInt(pfn) * 4096n + given);
      deepEqual(decodeFolioEntry(descriptor, index), { pfn, flags: given, index });
    }),
  );
  refused('EINVAL', () => decodeFolioEntry(2n ** 52n, 0n));
});
