import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { propertyString, propertyU64 } from '../../kho/fdt.js';
import { FdtReader } from '../../kho/fdt-reader.js';
import { Kho } from '../../kho/kho.js';
import { PhysicalMemory } from '../../kho/memory.js';
import { refused } from '../../testing/expect.js';
import { PAGE_SIZE } from '../../units.js';
import type { FileRecord } from '../abi.js';
import { SessionName } from '../name.js';
import { type Profile, rulesOf } from '../profile.js';
import { LuoV1Reader } from './luo-v1-reader.js';
import { LuoV1Writer } from './luo-v1-writer.js';

const name = (text: string) => new SessionName(new TextEncoder().encode(text));
const file: FileRecord = { compatible: 'memfd-v1', data: 0x1122334455667788n, token: 0xfffffffffffffffen };

function write(profile: Profile) {
  const ram = new Uint8Array(64 * PAGE_SIZE);
  const kho = new Kho(new PhysicalMemory(ram));
  const writer = new LuoV1Writer(kho, rulesOf(profile), 5n);
  const table = writer.newFileTable();
  table.reserve(1);
  table.write([file]);
  writer.reserve(2);
  writer.write([
    { name: name('vm'), table },
    { name: name('empty'), table: writer.newFileTable() },
  ]);
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
