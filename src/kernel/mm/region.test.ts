import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostFile, OpenFiles } from '../fs/file.js';
import { refused } from '../testing/expect.js';
import { FakeHost } from '../testing/fake-host.js';
import { pageFrameNumber } from '../units.js';
import { folios, MAX_REGION_ORDER, Regions } from './region.js';

const FIRST = 2 ** 28;
const GIB = 2 ** 18;

function setUp(ramPages = 1024) {
  const host = new FakeHost();
  const files = new OpenFiles();
  return { host, files, regions: new Regions(ramPages), file: () => new HostFile(files, host, host.file()) };
}

test('regions follow each other from 1 TiB on, each at a multiple of 1 GiB', () => {
  const { regions, file } = setUp();
  const starts = [1, GIB, GIB + 1, 7].map((pages) => regions.allocate(pages, file()).start);
  deepEqual(starts, [FIRST, FIRST + GIB, FIRST + 2 * GIB, FIRST + 4 * GIB]);
});

test('regions lie above RAM that is larger than 1 TiB', () => {
  const { regions, file } = setUp(FIRST + 1);
  equal(regions.allocate(1, file()).start, FIRST + GIB);
});

test('a region holds its file until it is freed', () => {
  const { regions, file, host } = setUp();
  const held = file();
  const region = regions.allocate(3, held);
  held.put();
  equal(host.open.length, 1);
  regions.free(region);
  deepEqual(host.open, []);
  throws(() => regions.free(region), /it is not there/);
});

test('a gap is used again when the end of the address space is reached', () => {
  const { regions, file } = setUp();
  const first = regions.allocate(GIB, file());
  regions.allocate(2 ** 40 - FIRST - GIB, file());
  refused('ENOMEM', () => regions.allocate(1, file()));
  regions.free(first);
  equal(regions.allocate(GIB, file()).start, FIRST);
});

test('what the last kernel handed over does not go to the next one, what is new does', () => {
  const { regions, file } = setUp();
  regions.adopt([{ start: pageFrameNumber(FIRST + GIB), pages: 5, file: file() }]);
  const region = regions.allocate(2, file());
  deepEqual(regions.outgoing, [{ start: region.start, pages: 2, descriptor: region.file.descriptor }]);
});

test('a region of the last kernel can be claimed once, by its start and length', () => {
  const { regions, file } = setUp();
  const start = pageFrameNumber(FIRST);
  regions.adopt([{ start, pages: 5, file: file() }]);
  equal(regions.claim(start, 4), undefined);
  equal(regions.claim(pageFrameNumber(FIRST + 1), 5), undefined);
  equal(regions.claim(start, 5)?.start, FIRST);
  equal(regions.claim(start, 5), undefined);
});

test('regions that cannot be are refused, all of them', () => {
  const { regions, file } = setUp();
  const adopt = (...list: [start: number, pages: number][]) =>
    regions.adopt(list.map(([start, pages]) => ({ start: pageFrameNumber(start), pages, file: file() })));
  const well: [number, number] = [FIRST + GIB, 10];
  refused('EINVAL', () => adopt(well, [FIRST - 1, 1]));
  refused('EINVAL', () => adopt(well, [FIRST, 0]));
  refused('EINVAL', () => adopt(well, [FIRST, 1.5]));
  refused('EINVAL', () => adopt([FIRST, 2 ** 40]));
  refused('EINVAL', () => adopt(well, [FIRST, GIB + 1]));
  refused('EINVAL', () => adopt(well, [FIRST + GIB + 9, 1]));
  deepEqual([...regions.all], []);
  adopt(well, [FIRST, GIB]);
  equal(regions.allocate(1, file()).start, FIRST + 2 * GIB);
});

test('gaps between regions of the last kernel are used when the end is reached', () => {
  const { regions, file } = setUp();
  regions.adopt([{ start: pageFrameNumber(2 ** 40 - 1), pages: 1, file: file() }]);
  equal(regions.allocate(5, file()).start, FIRST);
  equal(regions.allocate(5, file()).start, FIRST + GIB);
});

test('folios() covers the pages once, in order, each aligned to its own size', () => {
  const page = fc.integer({ min: 0, max: 2 ** 21 });
  fc.assert(
    fc.property(page, fc.integer({ min: 0, max: 2 ** 20 }), (from, length) => {
      let next = from;
      for (const { pfn, order } of folios(from, from + length)) {
        equal(pfn, next);
        equal(pfn % 2 ** order, 0);
        equal(order <= MAX_REGION_ORDER, true);
        next += 2 ** order;
      }
      equal(next, from + length);
    }),
  );
});

test('folios() takes the largest order that fits', () => {
  deepEqual(
    [...folios(FIRST, FIRST + 2 * GIB + 3)].map(({ order }) => order),
    [18, 18, 1, 0],
  );
});

test('folios() takes none of a larger order than it is told', () => {
  deepEqual(
    [...folios(FIRST, FIRST + 2 * 512 + 1, 9)].map(({ order }) => order),
    [9, 9, 0],
  );
});
