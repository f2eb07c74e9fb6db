import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_SIZE, pageFrameNumber } from '../units.js';
import { Folio } from './folio.js';

function folio(order = 1): { folio: Folio; ram: Uint8Array; freed: Folio[] } {
  const ram = new Uint8Array(8 * PAGE_SIZE);
  const freed: Folio[] = [];
  return { folio: new Folio(ram, pageFrameNumber(2), order, (which) => freed.push(which)), ram, freed };
}

test('a folio is a view of its pages in RAM', () => {
  const { folio: pages, ram } = folio();
  pages.bytes[0] = 7;
  pages.view.setUint8(2 * PAGE_SIZE - 1, 9);
  assert.equal(pages.bytes.length, 2 * PAGE_SIZE);
  assert.equal(pages.address, 2 * PAGE_SIZE);
  assert.deepEqual([ram[2 * PAGE_SIZE], ram[4 * PAGE_SIZE - 1]], [7, 9]);
});

test('put() frees the pages at the last reference and not before', () => {
  const { folio: pages, freed } = folio();
  assert.equal(pages.get(), pages);
  pages.put();
  assert.deepEqual(freed, []);
  pages.put();
  assert.deepEqual(freed, [pages]);
});

test('a folio without a reference cannot be used, taken or put', () => {
  const { folio: pages } = folio();
  pages.put();
  assert.throws(() => pages.put(), /Cannot put the folio at page 2/);
  assert.throws(() => pages.get(), /Cannot get the folio at page 2/);
  assert.throws(() => pages.bytes, /Cannot read the folio at page 2/);
  assert.throws(() => pages.view, /Cannot read the folio at page 2/);
});
