import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KernelError } from '../error.js';
import { addressOf, PAGE_SIZE, type PhysicalAddress, pageFrameNumber, physicalAddress } from '../units.js';
import { Kho, type KhoVmalloc } from './kho.js';
import { PhysicalMemory } from './memory.js';
import { writeMemoryMap } from './memory-map.js';
import { readRoot, writeRoot } from './root.js';
import { Tracker } from './tracker.js';
import { vmalloc } from './vmalloc.js';

const isCode = (code: string) => (error: unknown) => error instanceof KernelError && error.code === code;
const ABOVE = pageFrameNumber(2 ** 30);

interface Handed {
  /** RAM in the middle of a larger buffer, so that what is read outside of it is not an error by chance. */
  readonly ram: Uint8Array;
  readonly root: PhysicalAddress;
  readonly folio: PhysicalAddress;
  readonly record: KhoVmalloc;
  readonly chunks: readonly PhysicalAddress[];
}

/** What a first kernel hands over: a folio, an array, and memory above RAM. */
function handOver(pages: number, arrayPages: number): Handed {
  const around = new Uint8Array((pages + 2) * PAGE_SIZE).fill(0xa5);
  const ram = around.subarray(PAGE_SIZE, (pages + 1) * PAGE_SIZE).fill(0);
  const kho = new Kho(new PhysicalMemory(ram));
  const folio = kho.memory.allocateFolio(1);
  kho.preserveFolio(folio.pfn, 1);
  const array = vmalloc(kho.memory, arrayPages * PAGE_SIZE);
  const owned = new Set(kho.memory.allocatedFolios());
  const record = kho.preserveVmalloc(array);
  const chunks = [...kho.memory.allocatedFolios()].filter((each) => !owned.has(each)).map(({ address }) => address);
  kho.preserveFolio(ABOVE, 18);
  kho.addSubtree('LUO', folio.address);
  return { ram, root: kho.finalize(), folio: folio.address, record, chunks };
}

/** Boots and restores all there is. Anything but a KernelError is a failure. */
function bootAndRestore({ ram, root, folio, record }: Handed): void {
  try {
    const kho = Kho.boot(ram, root);
    const taken = [() => kho.restoreVmalloc(record).free(), () => kho.restoreRamFolio(folio).put()];
    for (const action of [...taken, () => kho.restoreFolio(addressOf(ABOVE)), () => kho.subtree('LUO')]) {
      try {
        action();
      } catch (error) {
        assert.ok(error instanceof KernelError, `${error}`);
      }
    }
    assert.deepEqual([...kho.memory.allocatedFolios()], []);
    assert.ok(kho.memory.freePages < kho.memory.pages);
  } catch (error) {
    assert.ok(error instanceof KernelError && error.code === 'EINVAL', `${error}`);
  }
}

/** Changes each byte of a page in several ways and boots. Restoring alone writes nothing, so RAM can be used again. */
function damage(handed: Handed, address: number): void {
  for (let at = address; at < address + PAGE_SIZE; at += 1) {
    const byte = handed.ram[at]!;
    for (const change of [1, 0xff]) {
      handed.ram[at] = byte ^ change;
      bootAndRestore(handed);
    }
    handed.ram[at] = byte;
  }
}

/** The first page of the preserved-memory map. */
function mapPage({ ram, root }: Handed): PhysicalAddress {
  return readRoot(ram, root).memoryMap;
}

/** The page of the first bitmap that it names. */
function bitmapPage(handed: Handed): number {
  const at = mapPage(handed) + 24;
  const view = new DataView(handed.ram.buffer, handed.ram.byteOffset, handed.ram.byteLength);
  return Number(view.getBigUint64(at, true));
}

test('a folio of RAM is restored once, with its bytes and one reference', () => {
  const { ram, root, folio } = handOver(32, 2);
  ram[folio + 5] = 42;
  const kho = Kho.boot(ram, root);
  assert.deepEqual(kho.isPreserved(folio), { order: 1 });
  const restored = kho.restoreRamFolio(folio);
  assert.equal(restored.bytes[5], 42);
  assert.equal(kho.isPreserved(folio), undefined);
  assert.throws(() => kho.restoreRamFolio(folio), isCode('ENOENT'));
  restored.put();
  assert.deepEqual([...kho.memory.allocatedFolios()], []);
});

test('memory above RAM is restored once, without a page of RAM', () => {
  const { ram, root } = handOver(32, 2);
  const kho = Kho.boot(ram, root);
  const before = kho.memory.freePages;
  assert.deepEqual(kho.restoreFolio(addressOf(ABOVE)), { pfn: ABOVE, order: 18 });
  assert.throws(() => kho.restoreFolio(addressOf(ABOVE)), isCode('ENOENT'));
  assert.equal(kho.memory.freePages, before);
});

test('an address at which no preserved folio starts is ENOENT', () => {
  const { ram, root, folio } = handOver(32, 2);
  const kho = Kho.boot(ram, root);
  for (const address of [0, folio + 1, folio + PAGE_SIZE, addressOf(ABOVE) + PAGE_SIZE, 31 * PAGE_SIZE, 2 ** 51]) {
    assert.equal(kho.isPreserved(physicalAddress(address)), undefined);
    assert.throws(() => kho.restoreFolio(physicalAddress(address)), isCode('ENOENT'));
    assert.throws(() => kho.restoreRamFolio(physicalAddress(address)), isCode('ENOENT'));
  }
});

test('a folio of RAM and one above it are not restored as the other: EINVAL, and they stay preserved', () => {
  const { ram, root, folio } = handOver(32, 2);
  const kho = Kho.boot(ram, root);
  assert.throws(() => kho.restoreFolio(folio), isCode('EINVAL'));
  assert.throws(() => kho.restoreRamFolio(addressOf(ABOVE)), isCode('EINVAL'));
  kho.restoreRamFolio(folio);
  kho.restoreFolio(addressOf(ABOVE));
});

test('restoreVmalloc() frees the list, and free() of the array the rest', () => {
  const { ram, root, record, folio } = handOver(700, 600);
  const kho = Kho.boot(ram, root);
  const reserved = kho.memory.pages - 1 - kho.memory.freePages;
  assert.equal(reserved, 2 + 600 + 2);
  const array = kho.restoreVmalloc(record);
  assert.equal(array.byteLength, 600 * PAGE_SIZE);
  assert.equal([...kho.memory.allocatedFolios()].length, 600);
  assert.throws(() => kho.restoreVmalloc(record), isCode('EINVAL'));
  array.free();
  kho.restoreRamFolio(folio).put();
  assert.equal(kho.memory.freePages, kho.memory.pages - 1);
});

test('a list that names pages which are not preserved is EINVAL and nothing of it is restored', () => {
  const { ram, root, record, chunks, folio } = handOver(32, 2);
  const second = new DataView(ram.buffer, ram.byteOffset + chunks[0]! + 16, 8);
  const good = second.getBigUint64(0, true);
  const first = new DataView(ram.buffer, ram.byteOffset + chunks[0]! + 8, 8).getBigUint64(0, true);
  const kho = Kho.boot(ram, root);
  for (const wrong of [first, BigInt(chunks[0]!), BigInt(folio), good + 1n, BigInt(addressOf(ABOVE)), 31n << 12n]) {
    second.setBigUint64(0, wrong, true);
    assert.throws(() => kho.restoreVmalloc(record), isCode('EINVAL'), `${wrong}`);
    assert.deepEqual([...kho.memory.allocatedFolios()], []);
  }
  second.setBigUint64(0, good, true);
  kho.restoreVmalloc(record).free();
});

test('a map with folios that RAM cannot have had is EINVAL', () => {
  const blocks: Array<[pfn: number, order: number]> = [
    [0, 0],
    [0, 3],
    [0, 11],
    [16, 3],
  ];
  for (const [pfn, order] of blocks) {
    const memory = new PhysicalMemory(new Uint8Array(20 * PAGE_SIZE));
    const tracker = new Tracker();
    tracker.add(pageFrameNumber(pfn), order);
    const map = writeMemoryMap(memory, tracker);
    const root = writeRoot(memory, { memoryMap: map.first, subtrees: new Map() });
    assert.throws(() => Kho.boot(memory.ram, root.address), /can have been in RAM at page/);
  }
});

test('any byte of the root changed gives EINVAL or a kernel that works', () => {
  const handed = handOver(32, 2);
  damage(handed, handed.root);
});

test('any byte of the memory map changed gives EINVAL or a kernel that works', () => {
  const handed = handOver(32, 2);
  damage(handed, mapPage(handed));
  damage(handed, bitmapPage(handed));
});

test('any byte of the list of an array changed gives a KernelError or an array', () => {
  const handed = handOver(560, 512);
  assert.equal(handed.chunks.length, 2);
  for (const chunk of handed.chunks) damage(handed, chunk);
});

test('RAM of random bytes behind a good root gives EINVAL or a kernel that works', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(PAGE_SIZE - 1), fc.nat(255)), { maxLength: 20 }),
      fc.nat(2),
      (bytes, where) => {
        const handed = handOver(32, 2);
        const page = [mapPage(handed), bitmapPage(handed), handed.chunks[0]!][where]!;
        for (const [at, value] of bytes) handed.ram[page + (at % 64)] = value;
        bootAndRestore(handed);
      },
    ),
    { numRuns: 2000 },
  );
});
