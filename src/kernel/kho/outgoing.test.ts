import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import { PAGE_SIZE, pageFrameNumber, physicalAddress } from '../units.js';
import { Kho } from './kho.js';
import { PhysicalMemory } from './memory.js';
import { vmalloc } from './vmalloc.js';

const isCode = (code: string) => (error: unknown) => error instanceof KernelError && error.code === code;
const pfn = pageFrameNumber;
const FREE = 1023;

function machine(): { kho: Kho; memory: PhysicalMemory } {
  const memory = new PhysicalMemory(new Uint8Array((FREE + 1) * PAGE_SIZE));
  return { kho: new Kho(memory), memory };
}

function assertNothingLeaked(memory: PhysicalMemory): void {
  assert.deepEqual([...memory.allocatedFolios()], []);
  assert.equal(memory.freePages, FREE);
}

test('a folio can be preserved once, and again after it was unpreserved', () => {
  const { kho, memory } = machine();
  const folio = memory.allocateFolio(2);
  kho.preserveFolio(folio.pfn, 2);
  assert.throws(() => kho.preserveFolio(folio.pfn, 2), isCode('EBUSY'));
  kho.unpreserveFolio(folio.pfn, 2);
  kho.preserveFolio(folio.pfn, 2);
  kho.unpreserveFolio(folio.pfn, 2);
  folio.put();
  assertNothingLeaked(memory);
});

test('memory above RAM that overlaps something preserved is EBUSY', () => {
  const { kho } = machine();
  kho.preserveFolio(pfn(2 ** 30), 18);
  kho.preserveFolio(pfn(2 ** 29), 0);
  assert.throws(() => kho.preserveFolio(pfn(2 ** 30 + 5), 0), isCode('EBUSY'));
  assert.throws(() => kho.preserveFolio(pfn(2 ** 29), 9), isCode('EBUSY'));
  kho.preserveFolio(pfn(2 ** 30 + 2 ** 18), 0);
});

test('what no folio can be is EINVAL: not aligned, an impossible order, free RAM, a part of RAM', () => {
  const { kho, memory } = machine();
  const folio = memory.allocateFolio(1);
  const wrong: Array<[number, number]> = [
    [2 ** 30 + 1, 1],
    [2 ** 30, 19],
    [2 ** 30, -1],
    [2 ** 30, 0.5],
    [0, 0],
    [folio.pfn, 0],
    [folio.pfn + 1, 0],
    [64, 0],
    [512, 12],
  ];
  for (const [page, order] of wrong) assert.throws(() => kho.preserveFolio(pfn(page), order), isCode('EINVAL'));
});

test('unpreserving or removing what is not there is a bug of the kernel', () => {
  const { kho } = machine();
  kho.preserveFolio(pfn(2 ** 30), 3);
  const array = { first: physicalAddress(4096), totalPages: 1, flags: 1, order: 0 };
  const wrong = [
    () => kho.unpreserveFolio(pfn(2 ** 30), 2),
    () => kho.unpreserveFolio(pfn(2 ** 30 + 8), 3),
    () => kho.unpreserveVmalloc(array),
    () => kho.removeSubtree('LUO'),
  ];
  for (const action of wrong)
    assert.throws(action, (error) => error instanceof Error && !(error instanceof KernelError));
});

test('an array is unpreserved with its list, whatever its size', () => {
  const { kho, memory } = machine();
  for (const pages of [0, 1, 511, 512, 600]) {
    const array = vmalloc(memory, pages * PAGE_SIZE);
    const record = kho.preserveVmalloc(array);
    assert.equal(FREE - memory.freePages, pages + Math.ceil(pages / 511));
    kho.unpreserveVmalloc(record);
    kho.unpreserveVmalloc(kho.preserveVmalloc(array));
    array.free();
    assertNothingLeaked(memory);
  }
});

test('an array of which a page is preserved is EBUSY and nothing of it stays preserved', () => {
  const { kho, memory } = machine();
  const array = vmalloc(memory, 3 * PAGE_SIZE);
  const last = array.folios[2]!;
  kho.preserveFolio(last.pfn, 0);
  assert.throws(() => kho.preserveVmalloc(array), isCode('EBUSY'));
  kho.unpreserveFolio(last.pfn, 0);
  kho.unpreserveVmalloc(kho.preserveVmalloc(array));
  array.free();
  assertNothingLeaked(memory);
});

test('a subtree has a name of its own that a devicetree allows', () => {
  const { kho } = machine();
  kho.addSubtree('LUO', physicalAddress(4096));
  assert.throws(() => kho.addSubtree('LUO', physicalAddress(4096)), isCode('EEXIST'));
  for (const name of ['', 'a/b', 'a b', '\u00e4']) {
    assert.throws(() => kho.addSubtree(name, physicalAddress(4096)), isCode('EINVAL'));
  }
  kho.removeSubtree('LUO');
  kho.addSubtree('LUO', physicalAddress(8192));
});

test('abort() after finalize() leaves no page allocated, and the handover can be finalized again', () => {
  const { kho, memory } = machine();
  const array = vmalloc(memory, 600 * PAGE_SIZE);
  const record = kho.preserveVmalloc(array);
  kho.preserveFolio(pfn(2 ** 30), 18);
  kho.addSubtree('LUO', array.folios[0]!.address);
  const before = memory.freePages;
  kho.finalize();
  assert.ok(memory.freePages < before);
  kho.abort();
  assert.equal(memory.freePages, before);
  kho.finalize();
  kho.abort();
  kho.abort();
  kho.removeSubtree('LUO');
  kho.unpreserveFolio(pfn(2 ** 30), 18);
  kho.unpreserveVmalloc(record);
  array.free();
  assertNothingLeaked(memory);
});

test('a finalized handover takes nothing more and gives nothing up', () => {
  const { kho, memory } = machine();
  const array = vmalloc(memory, PAGE_SIZE);
  const record = kho.preserveVmalloc(vmalloc(memory, PAGE_SIZE));
  kho.preserveFolio(pfn(2 ** 30), 0);
  kho.addSubtree('LUO', physicalAddress(4096));
  kho.finalize();
  const before = memory.freePages;
  assert.throws(() => kho.preserveFolio(pfn(2 ** 31), 0), isCode('EBUSY'));
  assert.throws(() => kho.preserveVmalloc(array), isCode('EBUSY'));
  assert.throws(() => kho.addSubtree('tty', physicalAddress(4096)), isCode('EBUSY'));
  assert.throws(() => kho.finalize(), isCode('EEXIST'));
  assert.throws(() => kho.unpreserveFolio(pfn(2 ** 30), 0), /abort it first/);
  assert.throws(() => kho.unpreserveVmalloc(record), /abort it first/);
  assert.throws(() => kho.removeSubtree('LUO'), /abort it first/);
  assert.equal(memory.freePages, before);
});

test('finalize() that runs out of memory or room changes nothing', () => {
  const { kho, memory } = machine();
  kho.preserveFolio(pfn(2 ** 30), 0);
  const array = vmalloc(memory, (FREE - 2) * PAGE_SIZE);
  assert.throws(() => kho.finalize(), isCode('ENOMEM'));
  assert.equal(memory.freePages, 2);
  array.free();
  for (let i = 0; i < 200; i += 1) kho.addSubtree(`subtree-${i}`, physicalAddress(4096));
  assert.throws(() => kho.finalize(), isCode('ENOSPC'));
  assertNothingLeaked(memory);
  for (let i = 0; i < 200; i += 1) kho.removeSubtree(`subtree-${i}`);
  kho.finalize();
});

test('finalize() refuses to hand over a folio that its owner freed', () => {
  const { kho, memory } = machine();
  const folio = memory.allocateFolio(0);
  kho.preserveFolio(folio.pfn, 0);
  folio.put();
  assert.throws(() => kho.finalize(), /the folio of order 0 at page 1 was freed/);
});
