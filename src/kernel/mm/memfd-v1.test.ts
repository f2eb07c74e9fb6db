import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FdtWriter } from '../kho/fdt-writer.js';
import { refused } from '../testing/expect.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from '../units.js';
import { memfdV1 } from './memfd-v1.js';

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
        { position, size, seals: 0, region, folioCount, folios: list },
        { position, size, seals: 0, region, folioCount: 0n, folios: undefined },
        { position, size: 0n, seals: 0, region, folioCount: 0n, folios: undefined },
      ]) {
        const bytes = memfdV1.encode(given);
        equal(bytes.length <= PAGE_SIZE, true);
        deepEqual(memfdV1.decode(bytes), { ...given, region: given.folios ? undefined : region });
      }
    }),
  );
});

test('the tree is the one that libfdt makes in patch 17: nothing of luo is in it where a folio tells the place', () => {
  const hex = (text: string) => text.replace(/[^0-9a-f]/g, '');
  const expected = hex(`
    d00dfeed 000000bb 00000040 000000a8 00000030 00000011 00000010 00000000 00000013 00000068
    0000000000000000 00000000000000000000000000000000
    00000001 00000000
    00000003 00000008 0000000f 8877665544332211
    00000003 00000008 0000000a 0b20000000000000
    00000003 00000008 00000000 0300000000000000
    00000003 00000010 00000003 0060810000000000 01000000 0100 0000
    00000002 00000009
    6e725f666f6c696f7300 73697a6500 706f7300`);
  const tree = memfdV1.encode({
    position: 0x1122334455667788n,
    size: 8203n,
    seals: 7,
    region: pageFrameNumber(0x812),
    folioCount: 3n,
    folios: { first: physicalAddress(0x816000), totalPages: 1, flags: 1, order: 0 },
  });
  equal(Buffer.from(tree).toString('hex'), expected);
});

test('an empty file of patch 17 is read: nothing tells its place', () => {
  const writer = new FdtWriter();
  writer.beginNode('');
  writer.propertyU64('pos', 77n);
  writer.propertyU64('size', 0n);
  writer.endNode();
  const record = { position: 77n, size: 0n, seals: 0, region: undefined, folioCount: 0n, folios: undefined };
  deepEqual(memfdV1.decode(writer.finish()), record);
});

test('a tree that is no memfd is EINVAL', () => {
  const tree = (properties: [string, bigint][]) => {
    const writer = new FdtWriter();
    writer.beginNode('');
    for (const [name, value] of properties) writer.propertyU64(name, value);
    writer.endNode();
    return writer.finish();
  };
  refused('EINVAL', () => memfdV1.decode(new Uint8Array(PAGE_SIZE)));
  refused('EINVAL', () => memfdV1.decode(tree([['pos', 0n]])));
  refused('EINVAL', () =>
    memfdV1.decode(
      tree([
        ['pos', 0n],
        ['size', 1n],
      ]),
    ),
  );
  refused('EINVAL', () =>
    memfdV1.decode(
      tree([
        ['pos', 0n],
        ['size', 1n],
        ['nr_folios', 1n],
        ['region', 1n],
      ]),
    ),
  );
  refused('EINVAL', () =>
    memfdV1.decode(
      tree([
        ['pos', 0n],
        ['size', 1n],
        ['nr_folios', 0n],
        ['region', 2n ** 40n],
      ]),
    ),
  );
});
