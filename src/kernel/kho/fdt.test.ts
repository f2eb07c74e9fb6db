import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FDT_MAX_NAME, FdtError, FdtNode, isNodeName, isPropertyName, propertyString, propertyU64 } from './fdt.js';

function nodeWith(bytes: number[]): FdtNode {
  const node = new FdtNode('node');
  node.properties.set('p', Uint8Array.from(bytes));
  return node;
}

test('propertyU64() reads 8 bytes in little-endian order', () => {
  assert.equal(propertyU64(nodeWith([1, 2, 0, 0, 0, 0, 0, 0x80]), 'p'), 0x8000_0000_0000_0201n);
});

test('propertyU64() throws FdtError where the property is missing or of another length', () => {
  assert.throws(() => propertyU64(nodeWith([]), 'q'), new FdtError('Cannot find property "q" in node "node"'));
  assert.throws(() => propertyU64(nodeWith([1, 2, 3, 4]), 'p'), FdtError);
});

test('propertyString() reads one string with its zero byte', () => {
  assert.equal(propertyString(nodeWith([0x6b, 0x68, 0x6f, 0]), 'p'), 'kho');
  assert.equal(propertyString(nodeWith([0]), 'p'), '');
});

test('propertyString() throws FdtError where it is not one string', () => {
  for (const bytes of [[], [0x6b], [0x6b, 0, 0x6b, 0], [0, 0], [0xff, 0]]) {
    assert.throws(() => propertyString(nodeWith(bytes), 'p'), FdtError);
  }
  assert.throws(() => propertyString(nodeWith([]), 'q'), FdtError);
});

test('child() finds a node by its name', () => {
  const node = new FdtNode('');
  const child = new FdtNode('a');
  node.addChild(child);
  assert.equal(node.child('a'), child);
  assert.equal(node.child('b'), undefined);
  assert.deepEqual(node.children, [child]);
});

test('names have the characters of the specification and a bound', () => {
  for (const name of ['LUO', 'memfd-v1', 'a@1,2._+']) assert.ok(isNodeName(name));
  for (const name of ['', 'a/b', 'a b', 'a\0', '\u00e4', 'a?', 'a'.repeat(FDT_MAX_NAME + 1), 'a\n']) {
    assert.ok(!isNodeName(name));
  }
  assert.ok(isPropertyName('#size?'));
  assert.ok(!isPropertyName('a@1'));
});
