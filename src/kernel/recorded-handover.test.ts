/** Luo reads what Linux 7.3 wrote, and writes the same. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { propertyString, propertyU64 } from './kho/fdt.js';
import { FdtReader } from './kho/fdt-reader.js';
import { Kho } from './kho/kho.js';
import { PhysicalMemory } from './kho/memory.js';
import type { SessionRecord } from './liveupdate/abi.js';
import { rulesOf } from './liveupdate/profile.js';
import { openState, writeState } from './liveupdate/wire/formats.js';
import { memfdV2 } from './mm/memfd-v2.js';
import { blocksOf, recordedHandover } from './testing/recorded-handover.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from './units.js';

const F_SEAL_SEAL_SHRINK_GROW = 0x7;

const luoIn = (khoTree: Uint8Array) => {
  const luo = FdtReader.parse(khoTree).child('LUO');
  return luo === undefined ? 0n : propertyU64(luo, 'preserved-data');
};

function open() {
  const recorded = recordedHandover(luoIn);
  const kho = Kho.boot(recorded.ram, recorded.root);
  return { ...recorded, kho, state: openState(kho, rulesOf('linux'), recorded.luo) };
}

const names = (sessions: readonly SessionRecord[]) => sessions.map(({ name }) => name.key);

test('KHO of Linux 7.3 has LUO as a structure of 32 bytes, not as a devicetree', () => {
  const tree = FdtReader.parse(recordedHandover(luoIn).khoTree);
  equal(propertyString(tree, 'compatible'), 'kho-v4');
  const luo = tree.child('LUO');
  equal(luo && propertyU64(luo, 'blob-size'), 32n);
});

test('the sessions of Linux 7.3 are read: names of bytes, empty ones, more than a block has', () => {
  const { state } = open();
  equal(state.number, 1n);
  const sessions = state.readSessions();
  deepEqual(names(sessions), [
    'many',
    'empty',
    'n'.repeat(63),
    '\xff/\x01 bytes',
    'kinds',
    ...Array.from({ length: 55 }, (_, i) => `session ${i}`),
  ]);
  deepEqual(
    sessions.map(({ files }) => files.length).filter((count) => count > 0),
    [130, 5],
  );
});

test('the files of Linux 7.3 are read in their order, from three blocks', () => {
  const { state, kho } = open();
  const many = state.readSessions()[0];
  deepEqual(
    many?.files.map(({ token }) => token),
    Array.from({ length: 130 }, (_, i) => 1000n + BigInt(i)),
  );
  deepEqual(new Set(many?.files.map(({ compatible }) => compatible)), new Set(['memfd-v2']));
  for (const [i, { data }] of many?.files.entries() ?? []) {
    const memfd = memfdV2.decode(kho.restoreRamFolio(physicalAddress(data)).bytes);
    equal(memfd.size, BigInt(`file ${i}`.length));
    equal(memfd.folioCount, 1n);
  }
});

test('the objects bound to files of Linux 7.3 are read, with the count of their files', () => {
  deepEqual(
    open().state.readFlbs(),
    [0n, 1n, 2n].map((i) => ({
      compatible: `liveupdate-test-flb-v${i}`,
      data: 0xfeedf00dcafebee0n + i,
      count: 135n,
    })),
  );
});

test('the memfds of Linux 7.3 are read: position, size, seals, and where their pages are', () => {
  const { state, kho } = open();
  const kinds = state.readSessions().find(({ name }) => name.key === 'kinds');
  const found = kinds?.files.map(({ token, data }) => {
    const { folios, folioCount, ...memfd } = memfdV2.decode(kho.restoreRamFolio(physicalAddress(data)).bytes);
    const array = folios && kho.restoreVmalloc(folios);
    const entries = Array.from({ length: Number(folioCount) }, (_, i) =>
      memfdV2.folios.decode(array?.getUint64(i * 16) ?? 0n, array?.getUint64(i * 16 + 8) ?? 0n),
    );
    array?.free();
    ok(entries.every(({ pfn, flags }) => flags === 3n && pfn * PAGE_SIZE < kho.memory.ram.length));
    return { token, ...memfd, pages: entries.map(({ index }) => index) };
  });
  deepEqual(found, [
    { token: 0n, position: 77n, size: 0n, seals: 0, region: undefined, pages: [] },
    { token: 1n, position: 0n, size: 4096n, seals: F_SEAL_SEAL_SHRINK_GROW, region: undefined, pages: [0n] },
    { token: 2n ** 64n - 1n, position: 1234n, size: 8203n, seals: 0, region: undefined, pages: [0n, 1n, 2n] },
    { token: 3n, position: 0n, size: 12288n, seals: 0, region: undefined, pages: [0n, 1n, 2n] },
    { token: 4n, position: 0n, size: 8192n, seals: 0, region: undefined, pages: [0n, 1n] },
  ]);
});

test('all that the state is written in is free once it was read', () => {
  const { state, kho, ram, luo } = open();
  const blocks = blocksOf(ram, new DataView(ram.buffer).getBigUint64(luo + 16, true));
  equal(blocks.length, 2);
  state.readSessions();
  state.readFlbs();
  deepEqual([...kho.memory.allocatedFolios()], []);
  for (const { address } of blocks) equal(kho.isPreserved(physicalAddress(address)), undefined);
});

test('what luo writes of the same sessions is what Linux 7.3 wrote, but for the addresses', () => {
  const { ram, luo, state } = open();
  const sessions = state.readSessions();
  const flbs = state.readFlbs();
  const ours = new Kho(new PhysicalMemory(new Uint8Array(64 * PAGE_SIZE)));
  const writer = writeState(ours, rulesOf('linux'), state.number);
  writer.reserve(sessions.length);
  writer.write(
    sessions.map(({ name, files }) => {
      const table = writer.newFileTable();
      table.reserve(files.length);
      table.write(files);
      return { name, table };
    }),
    flbs,
  );
  const booted = Kho.boot(ours.memory.ram, ours.finalize());
  deepEqual(withoutAddresses(booted.memory.ram, booted.subtree('LUO') ?? 0), withoutAddresses(ram, luo));
});

test('what luo writes of a memfd is what Linux 7.3 wrote', () => {
  const { state, kho } = open();
  for (const { data } of state.readSessions().flatMap(({ files }) => files)) {
    const page = kho.restoreRamFolio(physicalAddress(data)).bytes;
    const written = new Uint8Array(PAGE_SIZE);
    const record = memfdV2.decode(page);
    written.set(memfdV2.encode({ ...record, region: record.region ?? pageFrameNumber(0) }));
    deepEqual(written, page);
  }
});

/** The pages of a state in the order in which they hang from its first, with 0 for the addresses in them. */
function withoutAddresses(ram: Uint8Array, luo: number): string[] {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.length);
  const take = (address: number, addresses: number[]) => {
    const page = ram.slice(address, address + PAGE_SIZE);
    for (const at of addresses) page.fill(0, at, at + 8);
    return Buffer.from(page).toString('hex');
  };
  const pages = [take(luo, [16, 24]), take(Number(view.getBigUint64(luo + 24, true)), [])];
  for (const { address, count } of blocksOf(ram, view.getBigUint64(luo + 16, true))) {
    const heads = Array.from({ length: count }, (_, i) => 16 + i * 80 + 64);
    pages.push(take(address, [0, ...heads]));
    for (const head of heads) {
      for (const files of blocksOf(ram, view.getBigUint64(address + head, true))) pages.push(take(files.address, [0]));
    }
  }
  return pages;
}
