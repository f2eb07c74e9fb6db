import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import { PAGE_SIZE, physicalAddress } from '../units.js';
import {
  decodeKhoVmalloc,
  encodeKhoVmalloc,
  type KhoVmalloc,
  readChunks,
  recordOf,
  writeChunks,
} from './kho-vmalloc.js';
import { PhysicalMemory } from './memory.js';
import { vmalloc } from './vmalloc.js';

const isCode = (code: string) => (error: unknown) => error instanceof KernelError && error.code === code;
const memoryOf = (pages: number) => new PhysicalMemory(new Uint8Array(pages * PAGE_SIZE));

function sample(pages: number): { memory: PhysicalMemory; record: KhoVmalloc; addresses: number[]; chunk: DataView } {
  const memory = memoryOf(1200);
  const array = vmalloc(memory, pages * PAGE_SIZE);
  const record = recordOf(writeChunks(memory, array.folios), pages);
  const chunk = new DataView(memory.ram.buffer, record.first, PAGE_SIZE);
  return { memory, record, addresses: array.folios.map(({ address }) => address), chunk };
}

test('a record is 16 bytes: u64 first, u32 pages, u16 flags, u16 order, little-endian', () => {
  const record = { first: physicalAddress(0x1_2345_6000), totalPages: 0x0a0b0c0d, flags: 1, order: 2 };
  const bytes = encodeKhoVmalloc(record);
  assert.equal(Buffer.from(bytes).toString('hex'), '0060452301000000' + '0d0c0b0a' + '0100' + '0200');
  assert.deepEqual(decodeKhoVmalloc(bytes), record);
});

test('a record of another length or with an impossible address is EINVAL', () => {
  for (const bytes of [new Uint8Array(15), new Uint8Array(17), new Uint8Array(16).fill(0xff)]) {
    assert.throws(() => decodeKhoVmalloc(bytes), isCode('EINVAL'));
  }
});

test('a chunk lists up to 511 pages after the address of the next one', () => {
  const { memory, record, addresses, chunk } = sample(513);
  assert.deepEqual([record.totalPages, record.flags, record.order], [513, 1, 0]);
  assert.equal(chunk.getBigUint64(8, true), BigInt(addresses[0]!));
  assert.equal(chunk.getBigUint64(4088, true), BigInt(addresses[510]!));
  const next = new DataView(memory.ram.buffer, Number(chunk.getBigUint64(0, true)), PAGE_SIZE);
  const numbers = Array.from({ length: 4 }, (_, i) => Number(next.getBigUint64(i * 8, true)));
  assert.deepEqual(numbers, [0, addresses[511], addresses[512], 0]);
});

test('readChunks() gives the pages in their order, for any number of them', () => {
  for (const [pages, chunks] of [
    [0, 0],
    [1, 1],
    [511, 1],
    [512, 2],
    [600, 2],
    [1023, 3],
  ] as const) {
    const { memory, record, addresses } = sample(pages);
    const read = readChunks(memory.ram.slice(), record);
    assert.deepEqual(read.pages, addresses);
    assert.equal(read.chunks.length, chunks);
  }
});

test('ENOMEM at any chunk leaves none allocated', () => {
  const memory = memoryOf(602);
  const { folios } = vmalloc(memory, 600 * PAGE_SIZE);
  assert.throws(() => writeChunks(memory, folios), isCode('ENOMEM'));
  assert.equal(memory.freePages, 1);
});

test('a corrupt record is EINVAL', () => {
  const { memory, record } = sample(3);
  const wrong: Partial<KhoVmalloc>[] = [
    { order: 1 },
    { flags: 4 },
    { totalPages: 2 },
    { totalPages: 4 },
    { totalPages: 2 ** 32 - 1 },
    { first: physicalAddress(0) },
    { first: physicalAddress(record.first + 8) },
    { first: physicalAddress(memory.ram.length) },
  ];
  for (const change of wrong) {
    assert.throws(() => readChunks(memory.ram, { ...record, ...change }), isCode('EINVAL'), JSON.stringify(change));
  }
  assert.equal(readChunks(memory.ram, { ...record, flags: 3 }).pages.length, 3);
});

test('a chain that comes back or leads out of RAM is EINVAL', () => {
  for (const next of [0x8n, 2n ** 40n, 2n ** 63n, 'itself'] as const) {
    const { memory, record, chunk } = sample(3);
    chunk.setBigUint64(0, next === 'itself' ? BigInt(record.first) : next, true);
    assert.throws(() => readChunks(memory.ram, record), isCode('EINVAL'));
  }
  const { memory, record, chunk } = sample(3);
  chunk.setBigUint64(0, BigInt(record.first), true);
  chunk.setBigUint64(8, 0n, true);
  assert.throws(() => readChunks(memory.ram, record), /comes back to its chunk/);
});
