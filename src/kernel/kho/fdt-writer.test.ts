import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { FDT_MAX_DEPTH } from './fdt.js';
import { FdtWriter } from './fdt-writer.js';

function writer(): FdtWriter {
  const fdt = new FdtWriter();
  fdt.beginNode('');
  return fdt;
}

test('a finished tree has the header, blocks and tokens of version 17', () => {
  const fdt = writer();
  fdt.property('p', Uint8Array.of(1, 2, 3, 4, 5));
  fdt.endNode();
  const bytes = fdt.finish();
  const view = new DataView(bytes.buffer);
  const words = Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4));
  assert.deepEqual(words.slice(0, 10), [0xd00dfeed, bytes.length, 64, 100, 48, 17, 16, 0, 2, 36]);
  assert.deepEqual(words.slice(10, 16), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(words.slice(16), [1, 0, 3, 5, 0, 0x01020304, 0x05000000, 2, 9]);
  assert.deepEqual([...bytes.subarray(100)], [0x70, 0]);
});

test('names of properties are written once', () => {
  const fdt = writer();
  for (const name of ['a', 'b']) {
    fdt.beginNode(name);
    fdt.propertyU64('a-long-name', 1n);
    fdt.endNode();
  }
  fdt.endNode();
  assert.equal(new DataView(fdt.finish().buffer).getUint32(32), 'a-long-name'.length + 1);
});

test('a name stands before those that came earlier, or where one of them ends with it', () => {
  const fdt = writer();
  for (const name of ['pos', 'nr_folios', 'folios']) fdt.property(name, new Uint8Array());
  fdt.endNode();
  const bytes = fdt.finish();
  const view = new DataView(bytes.buffer);
  assert.equal(new TextDecoder().decode(bytes.subarray(view.getUint32(12))), 'nr_folios\0pos\0');
  assert.deepEqual(
    [0, 1, 2].map((i) => view.getUint32(64 + 8 + i * 12 + 8)),
    [10, 0, 3],
  );
});

test('dtc accepts what is written and reads the same values', (t) => {
  const fdt = writer();
  fdt.propertyString('compatible', 'kho-v1');
  fdt.propertyU64('preserved-memory-map', 0x1122334455667788n);
  fdt.property('empty', new Uint8Array());
  fdt.beginNode('LUO');
  fdt.propertyU64('fdt', 0x1000n);
  fdt.beginNode('deeper');
  fdt.endNode();
  fdt.endNode();
  fdt.endNode();
  const dtc = spawnSync('dtc', ['-I', 'dtb', '-O', 'dts'], { input: fdt.finish(), encoding: 'utf8' });
  if (dtc.error !== undefined) {
    t.skip(`dtc does not run (${dtc.error.message}): install the Debian package device-tree-compiler`);
    return;
  }
  assert.equal(dtc.status, 0, dtc.stderr);
  const text = dtc.stdout.replace(/\s+/g, ' ');
  // dtc shows the bytes of a 64-bit number as two big-endian cells; KHO writes it little-endian.
  assert.match(
    text,
    /\/ \{ compatible = "kho-v1"; preserved-memory-map = <0x88776655 0x44332211>; empty; LUO \{ fdt = <0x100000 0x00>; deeper \{ \}; \}; \};/,
  );
});

test('a tree that no reader accepts cannot be written', () => {
  const misuses: Array<(fdt: FdtWriter) => void> = [
    (fdt) => fdt.beginNode(''),
    (fdt) => fdt.beginNode('a/b'),
    (fdt) => fdt.property('', new Uint8Array()),
    (fdt) => fdt.propertyString('a', 'x\0y'),
    (fdt) => fdt.finish(),
    (fdt) => {
      fdt.propertyU64('a', 1n);
      fdt.propertyU64('a', 1n);
    },
    (fdt) => {
      fdt.beginNode('a');
      fdt.endNode();
      fdt.beginNode('a');
    },
    (fdt) => {
      fdt.beginNode('a');
      fdt.endNode();
      fdt.propertyU64('a', 1n);
    },
    (fdt) => {
      fdt.endNode();
      fdt.endNode();
    },
    (fdt) => {
      fdt.endNode();
      fdt.beginNode('');
    },
    (fdt) => {
      fdt.endNode();
      fdt.propertyU64('a', 1n);
    },
    (fdt) => {
      fdt.endNode();
      fdt.finish();
      fdt.finish();
    },
    (fdt) => {
      for (let depth = 0; depth < FDT_MAX_DEPTH; depth += 1) fdt.beginNode('a');
    },
  ];
  for (const misuse of misuses) assert.throws(() => misuse(writer()), /^Error: Cannot /);
  assert.throws(() => new FdtWriter().beginNode('root'), /^Error: Cannot begin node "root"/);
  assert.throws(() => new FdtWriter().finish(), /^Error: Cannot finish/);
});
