import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Kho } from '../../kho/kho.js';
import { PhysicalMemory } from '../../kho/memory.js';
import { refused } from '../../testing/expect.js';
import { PAGE_SIZE } from '../../units.js';
import type { WireFormat } from '../abi.js';
import { SessionName } from '../name.js';
import { type Rules, rulesOf } from '../profile.js';
import { openState, writeState } from './formats.js';

const profiles = ['linux', 'v5'] as const;
const name = new SessionName(new TextEncoder().encode('vm'));

/** A kernel booted with what one with these rules left. */
function leave(rules: Rules) {
  const kho = new Kho(new PhysicalMemory(new Uint8Array(64 * PAGE_SIZE)));
  const writer = writeState(kho, rules, 3n);
  writer.reserve(1);
  writer.write([{ name, table: writer.newFileTable() }], []);
  const next = Kho.boot(kho.memory.ram, kho.finalize());
  const luo = next.subtree('LUO');
  if (luo === undefined) throw new Error('KHO has no subtree "LUO"');
  return { kho: next, luo, page: next.memory.bytes(luo, PAGE_SIZE) };
}

for (const writes of profiles) {
  for (const reads of profiles) {
    const { wireFormat } = rulesOf(writes);
    const knows = rulesOf(reads).readsWireFormats.includes(wireFormat);
    test(`a kernel of profile ${reads} ${knows ? 'reads' : 'refuses'} what one of profile ${writes} left`, () => {
      const { kho, luo } = leave(rulesOf(writes));
      const open = () => openState(kho, rulesOf(reads), luo);
      if (!knows) {
        const { message } = refused('EINVAL', open);
        equal(
          message,
          'Cannot read the state of the last kernel: its format is "luo-v5", and this kernel reads "luo-v1"',
        );
        return;
      }
      const state = open();
      equal(state.number, 3n);
      deepEqual(state.readSessions(), [{ name, files: [] }]);
      deepEqual(state.readFlbs(), []);
      deepEqual([...kho.memory.allocatedFolios()], []);
      equal(kho.memory.freePages, 63);
    });
  }
}

test('a format that nobody knows is named, with those that are read, and its page is free', () => {
  const { kho, luo, page } = leave(rulesOf('linux'));
  page.set(new TextEncoder().encode('luo-v9'));
  const free = kho.memory.freePages;
  const { message } = refused('EINVAL', () => openState(kho, rulesOf('linux'), luo));
  match(message, /its format is "luo-v9", and this kernel reads "luo-v5" and "luo-v1"$/);
  equal(kho.memory.freePages, free + 1);
});

test('a page without the name of a format is EINVAL: empty, no text, no end, a devicetree that is none', () => {
  const pages = [
    new Uint8Array(),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(64).fill(0x61),
    Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed),
  ];
  for (const bytes of pages) {
    const { kho, luo, page } = leave(rulesOf('linux'));
    page.fill(0);
    page.set(bytes);
    match(refused('EINVAL', () => openState(kho, rulesOf('linux'), luo)).message, /it has no format's name/);
    deepEqual([...kho.memory.allocatedFolios()], []);
  }
});

test('a page that was not preserved is EINVAL', () => {
  const { kho, luo } = leave(rulesOf('linux'));
  openState(kho, rulesOf('linux'), luo);
  refused('EINVAL', () => openState(kho, rulesOf('linux'), luo));
});

test('every profile reads what it writes', () => {
  for (const profile of profiles) {
    const { wireFormat, readsWireFormats, memfdFormat, readsMemfdFormats } = rulesOf(profile);
    equal(readsWireFormats.includes(wireFormat satisfies WireFormat), true);
    equal(readsMemfdFormats.includes(memfdFormat), true);
  }
});
