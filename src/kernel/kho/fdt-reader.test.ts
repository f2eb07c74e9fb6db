import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FDT_MAX_DEPTH, FdtError, type FdtNode, FdtToken, propertyU64 } from './fdt.js';
import { FdtReader } from './fdt-reader.js';
import { FdtWriter } from './fdt-writer.js';

interface Tree {
  properties: Record<string, Uint8Array>;
  children: Record<string, Tree>;
}

const name = fc.stringMatching(/^[0-9a-zA-Z,._+-]{1,31}$/);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    properties: fc.dictionary(name, fc.uint8Array({ maxLength: 40 }), { maxKeys: 4 }),
    children: fc.oneof({ depthSize: 'small' }, fc.constant({}), fc.dictionary(name, tie('tree'), { maxKeys: 4 })),
  }),
}));

function write(fdt: FdtWriter, name: string, { properties, children }: Tree): FdtWriter {
  fdt.beginNode(name);
  for (const [name, bytes] of Object.entries(properties)) fdt.property(name, bytes);
  for (const [name, child] of Object.entries(children)) write(fdt, name, child);
  fdt.endNode();
  return fdt;
}

/** All of a tree as text, so that two of them can be compared. */
function textOf(name: string, properties: Iterable<[string, Uint8Array]>, children: string[]): string {
  return `${name} { ${[...properties].map(([name, bytes]) => `${name}=${bytes.join()}`).join('; ')} ${children.join()} }`;
}
const textOfTree = (name: string, tree: Tree): string =>
  textOf(
    name,
    Object.entries(tree.properties),
    Object.entries(tree.children).map(([name, child]) => textOfTree(name, child)),
  );
const textOfNode = (node: FdtNode): string => textOf(node.name, node.properties, node.children.map(textOfNode));

function sample(): Uint8Array {
  const fdt = new FdtWriter();
  fdt.beginNode('');
  fdt.propertyString('compatible', 'kho-v1');
  fdt.propertyU64('preserved-memory-map', 0x2000n);
  fdt.beginNode('LUO');
  fdt.propertyU64('fdt', 0x3000n);
  fdt.beginNode('a');
  fdt.endNode();
  fdt.endNode();
  fdt.beginNode('tty');
  fdt.property('odd', Uint8Array.of(1, 2, 3));
  fdt.endNode();
  fdt.endNode();
  return fdt.finish();
}

/** What parsing gives: anything but a tree or an FdtError is a failure. */
function parse(bytes: Uint8Array): FdtNode | undefined {
  try {
    return FdtReader.parse(bytes);
  } catch (error) {
    assert.ok(error instanceof FdtError, `${error}`);
    return undefined;
  }
}

/** A tree of the given 32-bit numbers as structure, and a strings block of "p". */
function raw(...structure: number[]): Uint8Array {
  const bytes = new Uint8Array(56 + structure.length * 4 + 2);
  const view = new DataView(bytes.buffer);
  const size = structure.length * 4;
  const words = [0xd00dfeed, bytes.length, 56, 56 + size, 40, 17, 16, 0, 2, size, 0, 0, 0, 0, ...structure];
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word);
  bytes[56 + size] = 0x70;
  return bytes;
}

const { beginNode, endNode, property, nop, end } = FdtToken;
const A = 0x61000000;

test('what the writer wrote is read as it was', () => {
  fc.assert(
    fc.property(tree, fc.nat(20), (tree, padding) => {
      const fdt = write(new FdtWriter(), '', tree).finish();
      const page = new Uint8Array(fdt.length + padding).fill(0xa5);
      page.set(fdt);
      assert.equal(textOfNode(FdtReader.parse(page)), textOfTree('', tree));
    }),
  );
});

test('a value is a view: writing into it changes the tree in place', () => {
  const fdt = sample();
  FdtReader.parse(fdt).child('LUO')?.properties.get('fdt')?.fill(1);
  assert.equal(propertyU64(FdtReader.parse(fdt).child('LUO')!, 'fdt'), 0x0101010101010101n);
});

test('NOP tokens are passed over', () => {
  const node = FdtReader.parse(raw(nop, beginNode, 0, nop, property, 4, 0, 7, nop, endNode, nop, end));
  assert.deepEqual([...node.properties.keys()], ['p']);
});

test('any byte changed to any other value gives a tree or an FdtError', () => {
  const fdt = sample();
  for (const [i, byte] of fdt.entries()) {
    for (let change = 1; change < 256; change += 1) {
      fdt[i] = byte ^ change;
      parse(fdt);
    }
    fdt[i] = byte;
  }
});

test('a tree that was cut anywhere gives an FdtError', () => {
  const fdt = sample();
  for (let length = 0; length < fdt.length; length += 1) assert.equal(parse(fdt.slice(0, length)), undefined);
});

test('a reader of a part of a buffer never reads outside of that part', () => {
  const fdt = sample();
  const buffer = new Uint8Array(fdt.length * 3);
  const inside = buffer.subarray(fdt.length, fdt.length * 2);
  for (let cut = 0; cut < fdt.length; cut += 1) {
    buffer.set(fdt, fdt.length);
    assert.notEqual(parse(inside), undefined);
    // The rest of the tree lies right behind the part, but is not a part of it.
    assert.equal(parse(inside.subarray(0, cut)), undefined);
  }
});

test('random bytes after a valid header give a tree or an FdtError', () => {
  const token = fc.oneof(fc.constantFrom(1, 2, 3, 4, 9, 0), fc.nat(64), fc.nat(0xffffffff));
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), (words) => {
      parse(raw(...words));
    }),
    { numRuns: 5000 },
  );
});

test('random headers give a tree or an FdtError', () => {
  const word = fc.oneof(fc.nat(256), fc.nat(0xffffffff));
  fc.assert(
    fc.property(fc.array(word, { minLength: 9, maxLength: 9 }), (words) => {
      const fdt = sample();
      for (const [i, word] of words.entries()) new DataView(fdt.buffer).setUint32(4 + i * 4, word);
      parse(fdt);
    }),
    { numRuns: 5000 },
  );
});

test('structures that are no tree are refused with what is wrong', () => {
  const deep = Array.from({ length: FDT_MAX_DEPTH }, () => [beginNode, A]).flat();
  const wrong: Array<[RegExp, number[]]> = [
    [/structure ends/, []],
    [/token 9 at 56/, [end]],
    [/token 2 at 56/, [endNode]],
    [/token 3 at 56/, [property, 0, 0]],
    [/structure ends/, [beginNode, 0]],
    [/token 9/, [beginNode, 0, end]],
    [/token 1/, [beginNode, 0, endNode, beginNode, 0, endNode, end]],
    [/token 9/, [beginNode, 0, endNode, end, end]],
    [/token 7/, [beginNode, 0, 7]],
    [/structure ends/, [beginNode, 0, property, 0xffffffff, 0]],
    [/name at .* has no end/, [beginNode, 0, property, 0, 2, endNode, end]],
    [/name at .* has no end/, [beginNode, 0, property, 0, 0xffffffff, endNode, end]],
    [/cannot be named ""/, [beginNode, 0, property, 0, 1, endNode, end]],
    [/cannot be named "a"/, [beginNode, A, endNode, end]],
    [/cannot be named ""/, [beginNode, 0, beginNode, 0, endNode, endNode, end]],
    [/two properties "p"/, [beginNode, 0, property, 0, 0, property, 0, 0, endNode, end]],
    [/two nodes "a"/, [beginNode, 0, beginNode, A, endNode, beginNode, A, endNode, endNode, end]],
    [/after a node/, [beginNode, 0, beginNode, A, endNode, property, 0, 0, endNode, end]],
    [/deeper than 64/, [beginNode, 0, ...deep]],
  ];
  for (const [message, structure] of wrong) {
    assert.throws(
      () => FdtReader.parse(raw(...structure)),
      (error) => error instanceof FdtError && message.test(error.message),
      `${structure}`,
    );
  }
});

test('a large tree is read in time that grows with its size', () => {
  const fdt = new FdtWriter();
  fdt.beginNode('');
  for (let i = 0; i < 50_000; i += 1) {
    fdt.beginNode(`n${i}`);
    fdt.endNode();
  }
  fdt.endNode();
  assert.equal(FdtReader.parse(fdt.finish()).children.length, 50_000);
});
