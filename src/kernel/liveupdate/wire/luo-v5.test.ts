import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from '../../error.js';
import { Kho } from '../../kho/kho.js';
import { PhysicalMemory } from '../../kho/memory.js';
import { refused } from '../../testing/expect.js';
import { blocksOf } from '../../testing/recorded-handover.js';
import { PAGE_SIZE, type PhysicalAddress, pageFrameNumber } from '../../units.js';
import type { FileRecord, FlbRecord, SessionRecord } from '../abi.js';
import { SessionName } from '../name.js';
import { LuoV5Reader } from './luo-v5-reader.js';
import { LuoV5Writer } from './luo-v5-writer.js';

const name = (text: string) => new SessionName(new TextEncoder().encode(text));
const files = (count: number): FileRecord[] =>
  Array.from({ length: count }, (_, i) => ({ compatible: 'memfd-v2', data: BigInt(i) * 4096n, token: BigInt(i) }));
const flb = (i: number): FlbRecord => ({ compatible: `object-${i}`, data: BigInt(i), count: 7n });

/** A session of 130 files, whose blocks are chained, and one without any. */
const sample: SessionRecord[] = [
  { name: name('vm'), files: files(130) },
  { name: name('empty'), files: [] },
];

function newKho(pages: number): Kho {
  return new Kho(new PhysicalMemory(new Uint8Array(pages * PAGE_SIZE)));
}

function write(sessions: readonly SessionRecord[], flbs: readonly FlbRecord[] = [flb(0)], pages = 64) {
  const kho = newKho(pages);
  const writer = new LuoV5Writer(kho, 5n);
  writer.reserve(sessions.length);
  writer.reserveFlbs(flbs.length);
  const tables = sessions.map(({ name, files }) => {
    const table = writer.newFileTable();
    table.reserve(files.length);
    table.write(files);
    return { name, table };
  });
  writer.write(tables, flbs);
  return { ram: kho.memory.ram, root: kho.finalize(), writer };
}

interface Opened {
  readonly kho: Kho;
  readonly luo: PhysicalAddress;
  readonly view: DataView;
  readonly sessions: number;
  readonly files: { address: number; count: number }[];
  readonly flbs: number;
}

/** A kernel that was booted with what was written, and where that is. */
function boot({ ram, root }: { ram: Uint8Array; root: PhysicalAddress }): Opened {
  const kho = Kho.boot(ram, root);
  const luo = kho.subtree('LUO');
  if (luo === undefined) throw new Error('KHO has no subtree "LUO"');
  const view = new DataView(ram.buffer);
  const sessions = Number(view.getBigUint64(luo + 16, true));
  const head = sessions === 0 ? 0n : view.getBigUint64(sessions + 16 + 64, true);
  return { kho, luo, view, sessions, files: blocksOf(ram, head), flbs: Number(view.getBigUint64(luo + 24, true)) };
}

test('the handover is laid out byte by byte as it is written down', () => {
  const { view, luo, sessions, files, flbs, kho } = boot(write(sample));
  const text = (at: number, length: number) => new TextDecoder().decode(kho.memory.ram.subarray(at, at + length));
  const u64 = (at: number) => view.getBigUint64(at, true);
  equal(text(luo, 8), 'luo-v5\0\0');
  deepEqual([u64(luo + 8), u64(luo + 32)], [5n, 0n]);
  deepEqual([u64(sessions), u64(sessions + 8)], [0n, 2n]);
  equal(text(sessions + 16, 64), 'vm'.padEnd(64, '\0'));
  equal(u64(sessions + 16 + 72), 130n);
  equal(text(sessions + 96, 64), 'empty'.padEnd(64, '\0'));
  deepEqual([u64(sessions + 160), u64(sessions + 168)], [0n, 0n]);
  deepEqual(
    files.map(({ count }) => count),
    [63, 63, 4],
  );
  const second = files[1]?.address ?? 0;
  equal(text(second + 16, 48), 'memfd-v2'.padEnd(48, '\0'));
  deepEqual([u64(second + 64), u64(second + 72)], [63n * 4096n, 63n]);
  deepEqual([u64(flbs), u64(flbs + 8), text(flbs + 16, 48)], [1n, 1n, 'object-0'.padEnd(48, '\0')]);
  deepEqual([u64(flbs + 64), u64(flbs + 72)], [0n, 7n]);
});

test('what was written is read, and its memory is free afterwards', () => {
  const many = Array.from({ length: 120 }, (_, i) => ({ name: name(`session ${i}`), files: files(i % 3) }));
  for (const sessions of [[], sample, many]) {
    const flbs = Array.from({ length: sessions.length === 0 ? 0 : 63 }, (_, i) => flb(i));
    const { kho, luo } = boot(write(sessions, flbs, 256));
    const reader = LuoV5Reader.open(kho, luo);
    equal(reader.number, 5n);
    deepEqual(reader.readSessions(), sessions);
    deepEqual(reader.readFlbs(), flbs);
    deepEqual([...kho.memory.allocatedFolios()], []);
    equal(kho.memory.freePages, 255);
    refused('EINVAL', () => LuoV5Reader.open(kho, luo));
  }
});

test('a Linux without objects bound to files may have no page for them', () => {
  const { kho, luo, view } = boot(write(sample));
  view.setBigUint64(luo + 24, 0n, true);
  deepEqual(LuoV5Reader.open(kho, luo).readFlbs(), []);
});

test('a writer that RAM is too small for keeps nothing', () => {
  const kho = newKho(2);
  refused('ENOMEM', () => new LuoV5Writer(kho, 1n));
  equal(kho.memory.freePages, 1);
});

test('a writer whose place in KHO is taken keeps nothing', () => {
  const kho = newKho(8);
  new LuoV5Writer(kho, 1n);
  refused('EEXIST', () => new LuoV5Writer(kho, 1n));
  equal(kho.memory.freePages, 5);
});

test('room is made block by block, and where RAM is full the room from before stays', () => {
  const kho = newKho(16);
  const table = new LuoV5Writer(kho, 1n).newFileTable();
  const free = kho.memory.freePages;
  for (const [count, blocks] of [
    [1, 1],
    [63, 1],
    [64, 2],
    [1, 2],
    [200, 4],
  ] as const) {
    table.reserve(count);
    equal(free - kho.memory.freePages, blocks);
  }
  refused('ENOMEM', () => table.reserve(63 * 20));
  equal(free - kho.memory.freePages, 4);
  table.free();
  equal(kho.memory.freePages, free);
});

test('a session has 630,000 files at most, a kernel 510,000 sessions and 63 objects bound to files', () => {
  const kho = newKho(10_100);
  const writer = new LuoV5Writer(kho, 1n);
  const table = writer.newFileTable();
  table.reserve(630_000);
  equal(refused('ENOSPC', () => table.reserve(630_001)).message, 'there is room for 630000 files in a session');
  table.free();
  writer.reserve(510_000);
  const { message } = refused('ENOSPC', () => writer.reserve(510_001));
  equal(message, 'Cannot add a session: there is room for 510000');
  equal(writer.pages, 10_002);
  writer.reserveFlbs(63);
  refused('ENOSPC', () => writer.reserveFlbs(64));
});

test('writing takes no memory, and gives up the blocks that have no record', () => {
  const kho = newKho(64);
  const writer = new LuoV5Writer(kho, 1n);
  const table = writer.newFileTable();
  writer.reserve(200);
  table.reserve(64);
  const held = kho.memory.pages - kho.memory.freePages;
  table.write(files(63));
  writer.write([{ name: name('one'), table }], []);
  equal(held - (kho.memory.pages - kho.memory.freePages), 3 + 1);
  equal(writer.pages, 3);
  const { kho: next, luo } = boot({ ram: kho.memory.ram, root: kho.finalize() });
  equal(LuoV5Reader.open(next, luo).readSessions()[0]?.files.length, 63);
});

test('no record is written without room, and no table of another format', () => {
  const writer = new LuoV5Writer(newKho(8), 1n);
  const isBug = (run: () => void) => {
    try {
      run();
    } catch (error) {
      return error instanceof Error && !(error instanceof KernelError);
    }
    return false;
  };
  ok(isBug(() => writer.newFileTable().write(files(1))));
  ok(isBug(() => writer.write([{ name: name('a'), table: writer.newFileTable() }], [])));
  writer.reserve(1);
  const foreign = { reserve() {}, write() {}, free() {} };
  ok(isBug(() => writer.write([{ name: name('a'), table: foreign }], [])));
});

const corruptions: Record<string, (at: Opened) => void> = {
  'a chain of sessions that comes back to its start': ({ view, sessions }) => {
    view.setBigUint64(sessions, BigInt(sessions), true);
  },
  'a chain of files that comes back to its middle': ({ view, files }) => {
    view.setBigUint64(files[2]?.address ?? 0, BigInt(files[1]?.address ?? 0), true);
  },
  'a chain of files that goes on into the sessions': ({ view, files, sessions }) => {
    view.setBigUint64(files[2]?.address ?? 0, BigInt(sessions), true);
  },
  'more records than a block of sessions has': ({ view, sessions }) => view.setBigUint64(sessions + 8, 52n, true),
  'more records than a block of files has': ({ view, files }) => {
    view.setBigUint64((files[0]?.address ?? 0) + 8, 64n, true);
  },
  'more records than any block has': ({ view, sessions }) => view.setBigUint64(sessions + 8, 2n ** 64n - 1n, true),
  'a block without records': ({ view, files }) => view.setBigUint64((files[2]?.address ?? 0) + 8, 0n, true),
  'a block outside of RAM': ({ view, sessions }) => view.setBigUint64(sessions, 2n ** 40n, true),
  'a block at the last address': ({ view, sessions }) => view.setBigUint64(sessions, 2n ** 64n - 1n, true),
  'a block that is not aligned': ({ view, sessions }) => view.setBigUint64(sessions, BigInt(sessions + 8), true),
  'a block that was not preserved': ({ view, sessions, kho }) => {
    view.setBigUint64(sessions, BigInt(kho.memory.ram.length - PAGE_SIZE), true);
  },
  'a count of files that is not that of the chain': ({ view, sessions }) => {
    view.setBigUint64(sessions + 16 + 72, 131n, true);
  },
  'files without a chain': ({ view, sessions }) => view.setBigUint64(sessions + 16 + 64, 0n, true),
  'a token that is there twice': ({ view, files }) => view.setBigUint64((files[2]?.address ?? 0) + 72, 5n, true),
  'a name that is there twice': ({ kho, sessions }) =>
    kho.memory.ram.copyWithin(sessions + 96, sessions + 16, sessions + 80),
  'a session without a name': ({ kho, sessions }) => kho.memory.ram.fill(0, sessions + 16, sessions + 80),
  'a name without NUL': ({ kho, sessions }) => kho.memory.ram.fill(0x61, sessions + 16, sessions + 80),
  'a handler without NUL': ({ kho, files }) => {
    kho.memory.ram.fill(0x61, (files[0]?.address ?? 0) + 16, (files[0]?.address ?? 0) + 64);
  },
};

for (const [title, corrupt] of Object.entries(corruptions)) {
  test(`EINVAL, and nothing is held: ${title}`, () => {
    const at = boot(write(sample));
    corrupt(at);
    const reader = LuoV5Reader.open(at.kho, at.luo);
    refused('EINVAL', () => reader.readSessions());
    deepEqual([...at.kho.memory.allocatedFolios()], []);
  });
}

const corruptFlbs: Record<string, (at: Opened) => void> = {
  'more objects than the page has': ({ view, flbs }) => view.setBigUint64(flbs + 8, 64n, true),
  'objects in two pages': ({ view, flbs }) => view.setBigUint64(flbs, 2n, true),
  'an object that is there twice': ({ view, kho, flbs }) => {
    view.setBigUint64(flbs + 8, 2n, true);
    kho.memory.ram.copyWithin(flbs + 80, flbs + 16, flbs + 80);
  },
  'an object without NUL in its name': ({ kho, flbs }) => kho.memory.ram.fill(0x61, flbs + 16, flbs + 64),
  'a page of objects outside of RAM': ({ view, luo }) => view.setBigUint64(luo + 24, 2n ** 63n, true),
};

for (const [title, corrupt] of Object.entries(corruptFlbs)) {
  test(`EINVAL, and nothing is held: ${title}`, () => {
    const at = boot(write(sample));
    corrupt(at);
    const reader = LuoV5Reader.open(at.kho, at.luo);
    refused('EINVAL', () => reader.readFlbs());
    deepEqual([...at.kho.memory.allocatedFolios()], []);
  });
}

test('EINVAL, and nothing is held: a block of more than one page', () => {
  const kho = newKho(64);
  const writer = new LuoV5Writer(kho, 1n);
  writer.write([], []);
  const large = kho.memory.allocateFolio(1);
  kho.preserveFolio(large.pfn, 1);
  large.view.setBigUint64(8, 1n, true);
  const at = boot({ ram: kho.memory.ram, root: kho.finalize() });
  at.view.setBigUint64(at.luo + 16, BigInt(large.address), true);
  const reader = LuoV5Reader.open(at.kho, at.luo);
  refused('EINVAL', () => reader.readSessions());
  deepEqual([...at.kho.memory.allocatedFolios()], []);
});

test('a chain of more than 10,000 blocks is EINVAL', () => {
  const kho = newKho(10_100);
  new LuoV5Writer(kho, 1n).write([], []);
  const blocks = Array.from({ length: 10_001 }, () => kho.memory.allocateFolio(0));
  for (const [i, block] of blocks.entries()) {
    kho.preserveFolio(block.pfn, 0);
    block.view.setBigUint64(0, BigInt(blocks[i + 1]?.address ?? 0), true);
    block.view.setBigUint64(8, 1n, true);
    block.bytes.set(new TextEncoder().encode(`session ${i}`), 16);
  }
  const at = boot({ ram: kho.memory.ram, root: kho.finalize() });
  at.view.setBigUint64(at.luo + 16, BigInt(blocks[0]?.address ?? 0), true);
  refused('EINVAL', () => LuoV5Reader.open(at.kho, at.luo).readSessions());
  deepEqual([...at.kho.memory.allocatedFolios()], []);
});

test('any word changed to any other is read, or refused with EINVAL, and nothing is held', () => {
  const written = write(sample);
  const { luo, sessions, files, flbs } = boot({ ...written, ram: written.ram.slice() });
  const pages = [luo, sessions, flbs, ...files.map(({ address }) => address)];
  const value = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.nat({ max: 64 }).map((page) => BigInt(page * PAGE_SIZE)),
    fc.bigInt({ min: 0n, max: 70n }),
  );
  const words = fc.array(fc.tuple(fc.constantFrom(...pages), fc.nat({ max: 60 }), value), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(words, (changes) => {
      const ram = written.ram.slice();
      const view = new DataView(ram.buffer);
      for (const [page, word, given] of changes) view.setBigUint64(page + word * 8, given, true);
      const kho = Kho.boot(ram, written.root);
      try {
        const reader = LuoV5Reader.open(kho, luo);
        reader.readSessions();
        reader.readFlbs();
      } catch (error) {
        if (!(error instanceof KernelError) || error.code !== 'EINVAL') throw error;
      }
      deepEqual([...kho.memory.allocatedFolios()], []);
    }),
    { numRuns: 500 },
  );
});

test('a page that is of another format, or not preserved, is EINVAL', () => {
  const { kho, luo } = boot(write(sample));
  kho.memory.ram.set(new TextEncoder().encode('luo-v4'), luo);
  refused('EINVAL', () => LuoV5Reader.open(kho, luo));
  deepEqual([...kho.memory.allocatedFolios()], []);
  equal(kho.memory.folioAt(pageFrameNumber(luo / PAGE_SIZE)), undefined);
});
