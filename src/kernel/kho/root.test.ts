import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../error.js';
import { PAGE_SIZE, physicalAddress } from '../units.js';
import { propertyString } from './fdt.js';
import { FdtReader } from './fdt-reader.js';
import { FdtWriter } from './fdt-writer.js';
import { PhysicalMemory } from './memory.js';
import { readRoot, writeRoot } from './root.js';

const isCode = (code: string) => (error: unknown) => error instanceof KernelError && error.code === code;
const memory = () => new PhysicalMemory(new Uint8Array(4 * PAGE_SIZE));
const sample = {
  memoryMap: physicalAddress(0x5000),
  subtrees: new Map([
    ['LUO', physicalAddress(0x6000)],
    ['tty', physicalAddress(2 ** 52 - 4096)],
  ]),
};

/** A root that is written by hand. */
function rootOf(fill: (fdt: FdtWriter) => void): Uint8Array {
  const fdt = new FdtWriter();
  fdt.beginNode('');
  fill(fdt);
  fdt.endNode();
  const ram = new Uint8Array(2 * PAGE_SIZE);
  ram.set(fdt.finish(), PAGE_SIZE);
  return ram;
}

test('what was written is read again', () => {
  const ram = memory();
  const folio = writeRoot(ram, sample);
  assert.deepEqual(readRoot(ram.ram.slice(), folio.address), sample);
});

test('the root is one page with the names of Linux 6.18', () => {
  const { bytes } = writeRoot(memory(), sample);
  const node = FdtReader.parse(bytes);
  assert.equal(bytes.length, PAGE_SIZE);
  assert.equal(propertyString(node, 'compatible'), 'kho-v1');
  assert.deepEqual([...node.properties.keys()], ['compatible', 'preserved-memory-map']);
  assert.deepEqual([...(node.properties.get('preserved-memory-map') ?? [])], [0, 0x50, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(
    node.children.map(({ name, properties }) => [name, ...properties.keys()]),
    [
      ['LUO', 'fdt'],
      ['tty', 'fdt'],
    ],
  );
});

test('a root without a map is one with nothing preserved', () => {
  const ram = rootOf((fdt) => fdt.propertyString('compatible', 'kho-v1'));
  assert.deepEqual(readRoot(ram, physicalAddress(PAGE_SIZE)), { memoryMap: 0, subtrees: new Map() });
});

test('more subtrees than fit into a page are ENOSPC and allocate nothing', () => {
  const ram = memory();
  const subtrees = new Map(Array.from({ length: 200 }, (_, i) => [`subtree-${i}`, physicalAddress(4096)]));
  assert.throws(() => writeRoot(ram, { ...sample, subtrees }), isCode('ENOSPC'));
  assert.equal(ram.freePages, 3);
});

test('what is no root is EINVAL', () => {
  const wrong: Array<(fdt: FdtWriter) => void> = [
    () => {},
    (fdt) => fdt.propertyString('compatible', 'kho-v2'),
    (fdt) => {
      fdt.propertyString('compatible', 'kho-v1');
      fdt.property('preserved-memory-map', Uint8Array.of(1, 2, 3, 4));
    },
    (fdt) => {
      fdt.propertyString('compatible', 'kho-v1');
      fdt.propertyU64('preserved-memory-map', 2n ** 52n);
    },
    (fdt) => {
      fdt.propertyString('compatible', 'kho-v1');
      fdt.beginNode('LUO');
      fdt.endNode();
    },
    (fdt) => {
      fdt.propertyString('compatible', 'kho-v1');
      fdt.beginNode('LUO');
      fdt.propertyU64('fdt', 2n ** 63n);
      fdt.endNode();
    },
  ];
  for (const fill of wrong) assert.throws(() => readRoot(rootOf(fill), physicalAddress(PAGE_SIZE)), isCode('EINVAL'));
  const empty = new Uint8Array(2 * PAGE_SIZE);
  for (const address of [0, 8, PAGE_SIZE, 2 * PAGE_SIZE]) {
    assert.throws(() => readRoot(empty, physicalAddress(address)), isCode('EINVAL'));
  }
});
