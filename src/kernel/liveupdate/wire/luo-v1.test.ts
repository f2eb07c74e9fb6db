import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { propertyString, propertyU64 } from '../../kho/fdt.js';
import { FdtReader } from '../../kho/fdt-reader.js';
import { Kho } from '../../kho/kho.js';
import { PhysicalMemory } from '../../kho/memory.js';
import { refused } from '../../testing/expect.js';
import { PAGE_SIZE } from '../../units.js';
import type { FileRecord, FlbRecord } from '../abi.js';
import { SessionName } from '../name.js';
import { type Profile, rulesOf } from '../profile.js';
import { LuoV1Reader } from './luo-v1-reader.js';
import { LuoV1Writer } from './luo-v1-writer.js';

const name = (text: string) => new SessionName(new TextEncoder().encode(text));
const file: FileRecord = { compatible: 'memfd-v1', data: 0x1122334455667788n, token: 0xfffffffffffffffen };
const flb: FlbRecord = { compatible: 'object', data: 0x1234567887654321n, count: 1n };

function write(profile: Profile) {
  const ram = new Uint8Array(64 * PAGE_SIZE);
  const kho = new Kho(new PhysicalMemory(ram));
  const writer = new LuoV1Writer(kho, rulesOf(profile), 5n);
  const table = writer.newFileTable();
  table.reserve(1);
  table.write([file]);
  writer.reserve(2);
  const sessions = [
    { name: name('vm'), table },
    { name: name('empty'), table: writer.newFileTable() },
  ];
  writer.reserveFlbs(1);
  writer.write(sessions, [flb]);
  return { ram, root: kho.finalize() };
}

function open(ram: Uint8Array, root: ReturnType<typeof write>['root']) {
  const kho = Kho.boot(ram, root);
  const tree = kho.subtree('LUO');
  if (tree === undefined) throw new Error('KHO has no subtree "LUO"');
  return { kho, tree };
}

for (const [profile, nameLength, pages, filePages, version] of [
  ['linux', 64, 1n, 1n, 'luo-session-v2'],
  ['v5', 56, 16n, 2n, 'luo-session-v1'],
] as const) {
  test(`${profile}: the handover is laid out byte by byte as it is written down`, () => {
    const { ram, root } = write(profile);
    const { tree } = open(ram, root);
    const luo = FdtReader.parse(ram.subarray(tree, tree + PAGE_SIZE));
    equal(propertyString(luo, 'compatible'), 'luo-v1');
    equal(propertyU64(luo, 'liveupdate-number'), 5n);
    const sessions = luo.child('luo-session');
    equal(sessions && propertyString(sessions, 'compatible'), version);
    const head = Number(sessions && propertyU64(sessions, 'luo-session-head'));
    const view = new DataView(ram.buffer);
    const u64 = (at: number) => view.getBigUint64(at, true);
    const text = (at: number, length: number) => new TextDecoder().decode(ram.subarray(at, at + length));
    deepEqual([u64(head), u64(head + 8)], [pages, 2n]);
    const first = head + 16;
    equal(text(first, nameLength), 'vm'.padEnd(nameLength, '\0'));
    const files = Number(u64(first + nameLength));
    deepEqual([u64(first + nameLength + 8), u64(first + nameLength + 16)], [filePages, 1n]);
    equal(text(files, 48), 'memfd-v1'.padEnd(48, '\0'));
    deepEqual([u64(files + 48), u64(files + 56)], [file.data, file.token]);
    const second = first + nameLength + 24;
    equal(text(second, nameLength), 'empty'.padEnd(nameLength, '\0'));
    deepEqual(
      [0, 8, 16].map((i) => u64(second + nameLength + i)),
      [0n, 0n, 0n],
    );
    const flbs = luo.child('luo-flb');
    equal(flbs && propertyString(flbs, 'compatible'), 'luo-flb-v1');
    const flbHead = Number(flbs && propertyU64(flbs, 'luo-flb-head'));
    deepEqual([u64(flbHead), u64(flbHead + 8)], [1n, 1n]);
    equal(text(flbHead + 16, 48), 'object'.padEnd(48, '\0'));
    deepEqual([u64(flbHead + 64), u64(flbHead + 72)], [flb.data, flb.count]);
  });

  test(`${profile}: what was written is read, and its memory is free afterwards`, () => {
    const { ram, root } = write(profile);
    const { kho, tree } = open(ram, root);
    const reader = LuoV1Reader.open(kho, tree);
    equal(reader.number, 5n);
    deepEqual(reader.readSessions(), [
      { name: name('vm'), files: [file] },
      { name: name('empty'), files: [] },
    ]);
    deepEqual(reader.readFlbs(), [flb]);
    deepEqual([...kho.memory.allocatedFolios()], []);
    equal(kho.memory.freePages, 63);
    refused('EINVAL', () => LuoV1Reader.open(kho, tree));
  });
}

test('a writer that RAM is too small for keeps nothing', () => {
  const kho = new Kho(new PhysicalMemory(new Uint8Array(8 * PAGE_SIZE)));
  refused('ENOMEM', () => new LuoV1Writer(kho, rulesOf('v5'), 1n));
  equal(kho.memory.freePages, 7);
});

test('a table that cannot grow in its place moves, and the place is free again', () => {
  const kho = new Kho(new PhysicalMemory(new Uint8Array(64 * PAGE_SIZE)));
  const table = new LuoV1Writer(kho, rulesOf('linux'), 1n).newFileTable();
  const free = kho.memory.freePages;
  for (const [count, pages] of [
    [1, 1],
    [64, 1],
    [65, 2],
    [1000, 16],
    [5, 16],
  ] as const) {
    table.reserve(count);
    equal(free - kho.memory.freePages, pages);
  }
  refused('ENOMEM', () => table.reserve(3000));
  equal(free - kho.memory.freePages, 16);
  table.free();
  equal(kho.memory.freePages, free);
});

test('a kernel of the v5 series has 63 objects bound to files at most', () => {
  const writer = new LuoV1Writer(new Kho(new PhysicalMemory(new Uint8Array(64 * PAGE_SIZE))), rulesOf('v5'), 1n);
  writer.reserveFlbs(63);
  refused('ENOSPC', () => writer.reserveFlbs(64));
});

test('a table of objects bound to files that is corrupt is EINVAL, and nothing is held', () => {
  const corruptions: ((view: DataView, flbs: number) => void)[] = [
    (view, flbs) => view.setBigUint64(flbs, 2n, true),
    (view, flbs) => view.setBigUint64(flbs + 8, 64n, true),
    (view, flbs) => new Uint8Array(view.buffer).fill(0x61, flbs + 16, flbs + 64),
    (view, flbs) => {
      view.setBigUint64(flbs + 8, 2n, true);
      new Uint8Array(view.buffer).copyWithin(flbs + 80, flbs + 16, flbs + 80);
    },
  ];
  for (const corrupt of corruptions) {
    const { ram, root } = write('v5');
    const { kho, tree } = open(ram, root);
    const flbs = FdtReader.parse(ram.subarray(tree, tree + PAGE_SIZE)).child('luo-flb');
    corrupt(new DataView(ram.buffer), Number(flbs && propertyU64(flbs, 'luo-flb-head')));
    const reader = LuoV1Reader.open(kho, tree);
    refused('EINVAL', () => reader.readFlbs());
    deepEqual([...kho.memory.allocatedFolios()], []);
  }
});
