/** A kernel that boots again from what another one had taken over. */
import assert from 'node:assert/strict';
import { ftruncateSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { close, createMemory, duplicate, statDescriptor } from '../host/descriptors.js';
import { SystemError } from '../host/libc.js';
import type { Descriptor, Handover } from '../kernel/hardware.js';
import type { PageFrameNumber, PhysicalAddress } from '../kernel/units.js';
import { HandoverCopy } from './handover-copy.js';

const SIZE = 1 << 20;
const PAGE = 4096;

/** RAM of which the second and the last page were written to. */
function createRam(): number {
  const memory = createMemory('ram', false);
  ftruncateSync(memory, SIZE);
  writeSync(memory, 'second', PAGE);
  writeSync(memory, 'last', SIZE - PAGE);
  return memory;
}

function textAt(memory: number, at: number): string {
  const bytes = Buffer.alloc(8);
  readSync(memory, bytes, 0, bytes.length, at);
  return bytes.toString('latin1').replaceAll('\0', '');
}

/** A file that is a region and an entry, too. */
function handoverOf(descriptor: Descriptor): Handover {
  return {
    root: 4096 as PhysicalAddress,
    regions: [{ start: 256 as PageFrameNumber, pages: 1, descriptor }],
    descriptors: [{ entry: 1n, descriptor }],
  };
}

function inodeOf(descriptor: number): bigint {
  return statDescriptor(descriptor).inode;
}

test('RAM is put back as it was, holes too, and every file has one descriptor of its own', () => {
  const memory = createRam();
  const file = createMemory('file', false) as Descriptor;
  const inode = inodeOf(file);
  const copy = new HandoverCopy(memory, SIZE, handoverOf(file));
  close(file);
  writeSync(memory, 'other', PAGE);
  writeSync(memory, 'new', 5 * PAGE);
  const handover = copy.putBack(memory);
  copy.close();
  assert.deepEqual(
    [PAGE, 5 * PAGE, SIZE - PAGE].map((at) => textAt(memory, at)),
    ['second', '', 'last'],
  );
  const [region, entry] = [handover.regions[0]?.descriptor, handover.descriptors[0]?.descriptor];
  assert.equal(region, entry);
  assert.equal(inodeOf(region ?? -1), inode);
  assert.throws(() => copy.putBack(memory), /its descriptors are gone/);
  close(region ?? -1);
  close(memory);
});

test('a copy that nobody needs keeps no file open', () => {
  const memory = createRam();
  const before = duplicate(memory);
  close(before);
  const file = createMemory('file', false) as Descriptor;
  new HandoverCopy(memory, SIZE, handoverOf(file)).close();
  close(file);
  const after = duplicate(memory);
  assert.equal(after, before);
  close(after);
  close(memory);
});

test('where a descriptor cannot be kept, nothing is', () => {
  const memory = createRam();
  const before = duplicate(memory);
  close(before);
  assert.throws(() => new HandoverCopy(memory, SIZE, handoverOf(9999 as Descriptor)), SystemError);
  const after = duplicate(memory);
  assert.equal(after, before);
  close(after);
  close(memory);
});
