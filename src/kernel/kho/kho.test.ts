import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { PAGE_SIZE, type PhysicalAddress, pageFrameNumber } from '../units.js';
import { FdtWriter } from './fdt-writer.js';
import { encodeKhoVmalloc, Kho } from './kho.js';
import type { Restored } from './kho.test.child.js';
import { PhysicalMemory } from './memory.js';
import { vmalloc } from './vmalloc.js';

const PAGES = 4096;
const ORDERS = [0, 1, 3, 10];
const ARRAYS = [0, 1, 511, 512, 600];
const ABOVE = pageFrameNumber(2 ** 40 - 2 ** 18);

function word(array: number, page: number): bigint {
  return BigInt(array) * 1_000_000n + BigInt(page) + 2n ** 60n;
}

/** A first kernel that hands over folios, arrays and memory above RAM; the subtree "test" says where they are. */
function firstKernel(ram: Uint8Array): { root: PhysicalAddress; digests: string[] } {
  const kho = new Kho(new PhysicalMemory(ram));
  const digests: string[] = [];
  const fdt = new FdtWriter();
  fdt.beginNode('');
  fdt.propertyU64('above', BigInt(ABOVE));
  kho.preserveFolio(ABOVE, 18);
  fdt.beginNode('folios');
  for (const order of ORDERS) {
    const folio = kho.memory.allocateFolio(order);
    for (let at = 0; at < folio.bytes.length; at += 64) folio.view.setUint32(at, at + order + 1);
    digests.push(createHash('sha256').update(folio.bytes).digest('hex'));
    kho.preserveFolio(folio.pfn, order);
    fdt.propertyU64(`order-${order}`, BigInt(folio.address));
  }
  fdt.endNode();
  fdt.beginNode('arrays');
  for (const pages of ARRAYS) {
    const array = vmalloc(kho.memory, pages * PAGE_SIZE);
    for (let page = 0; page < pages; page += 1) array.setUint64(page * PAGE_SIZE + 8, word(pages, page));
    fdt.property(`pages-${pages}`, encodeKhoVmalloc(kho.preserveVmalloc(array)));
  }
  fdt.endNode();
  fdt.endNode();
  const page = kho.memory.allocateFolio(0);
  page.bytes.set(fdt.finish());
  kho.preserveFolio(page.pfn, 0);
  kho.addSubtree('test', page.address);
  return { root: kho.finalize(), digests };
}

test('a kernel in another process restores all from a copy of the RAM and the address of the root', () => {
  const ram = new Uint8Array(PAGES * PAGE_SIZE);
  const { root, digests } = firstKernel(ram);
  const directory = mkdtempSync(join(tmpdir(), 'luo-kho-'));
  try {
    const file = join(directory, 'ram');
    writeFileSync(file, ram);
    const child = fileURLToPath(new URL('./kho.test.child.js', import.meta.url));
    const output = execFileSync(process.execPath, [child, file, String(root)], { encoding: 'utf8', timeout: 30_000 });
    // What the child writes is of the type that it exports.
    const restored = JSON.parse(output) as Restored;
    assert.deepEqual(restored, {
      folios: ORDERS.map((order, i) => ({ order, digest: digests[i] })),
      arrays: ARRAYS.map((pages) => Array.from({ length: pages }, (_, page) => word(pages, page).toString())),
      above: { pfn: ABOVE, order: 18 },
      allocated: 0,
      freePages: PAGES - 1,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('handing over writes nothing into what is preserved', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 20 }), (orders) => {
      const ram = new Uint8Array(512 * PAGE_SIZE);
      const kho = new Kho(new PhysicalMemory(ram));
      const folios = orders.map((order) => kho.memory.allocateFolio(order));
      for (const folio of folios) {
        folio.bytes.fill(folio.pfn % 256);
        kho.preserveFolio(folio.pfn, folio.order);
      }
      const root = kho.finalize();
      const next = Kho.boot(ram.slice(), root);
      const others = Array.from({ length: next.memory.freePages }, () => next.memory.allocateFolio(0));
      for (const folio of folios) {
        const restored = next.restoreRamFolio(folio.address);
        assert.equal(restored.order, folio.order);
        assert.ok(restored.bytes.every((byte) => byte === folio.pfn % 256));
        restored.put();
      }
      for (const other of others) other.put();
      assert.equal(next.memory.freePages, 511);
    }),
    { numRuns: 50 },
  );
});

test('after boot the pages of the root and of the map are free, and only what is preserved is not', () => {
  const ram = new Uint8Array(64 * PAGE_SIZE);
  const kho = new Kho(new PhysicalMemory(ram));
  kho.preserveFolio(kho.memory.allocateFolio(2).pfn, 2);
  const next = Kho.boot(ram, kho.finalize());
  assert.equal(next.memory.freePages, 64 - 1 - 4);
});

test('what is not preserved again does not reach the kernel after the next', () => {
  const ram = new Uint8Array(64 * PAGE_SIZE);
  const first = new Kho(new PhysicalMemory(ram));
  const [kept, dropped, ignored] = [0, 0, 0].map((order) => first.memory.allocateFolio(order));
  for (const folio of [kept, dropped, ignored]) {
    folio!.bytes.fill(7);
    first.preserveFolio(folio!.pfn, 0);
  }
  first.addSubtree('LUO', kept!.address);
  const second = Kho.boot(ram, first.finalize());
  second.preserveFolio(second.restoreRamFolio(kept!.address).pfn, 0);
  second.restoreRamFolio(dropped!.address);
  const third = Kho.boot(ram, second.finalize());
  assert.equal(third.subtree('LUO'), undefined);
  assert.equal(third.memory.freePages, 62);
  assert.equal(third.restoreRamFolio(kept!.address).bytes[0], 7);
  assert.equal(third.isPreserved(dropped!.address), undefined);
  assert.equal(third.isPreserved(ignored!.address), undefined);
});

test('a first boot has nothing to restore', () => {
  const kho = new Kho(new PhysicalMemory(new Uint8Array(4 * PAGE_SIZE)));
  assert.equal(kho.subtree('LUO'), undefined);
  assert.equal(Kho.boot(kho.memory.ram, kho.finalize()).memory.freePages, 3);
});
