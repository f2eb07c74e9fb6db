import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { Folio } from '../kho/folio.js';
import { refused } from '../testing/expect.js';
import { PAGE_SIZE } from '../units.js';
import { RECORD_SIZE } from './tty-record.js';
import { TtyTable } from './tty-table.js';

const ADDRESS = 0x7000;

function table(): TtyTable {
  // The table asks for no more of its page.
  return new TtyTable({ address: ADDRESS, bytes: new Uint8Array(PAGE_SIZE) } as unknown as Folio);
}

const record = (name: string) => ({ name, entry: 1n, state: undefined });

test('a handle is where the record is, and a slot that is free again is used again', () => {
  const ttys = table();
  const first = ttys.add(record('ttyS0'));
  const second = ttys.add(record('ttyS1'));
  deepEqual([first, second], [BigInt(ADDRESS), BigInt(ADDRESS + RECORD_SIZE)]);
  ttys.remove(first);
  deepEqual(
    ttys.all.map(({ name }) => name),
    ['ttyS1'],
  );
  equal(ttys.add(record('ttyS2')), first);
  ttys.write(second, record('ttyS3'));
  equal(ttys.at(second).name, 'ttyS3');
});

for (const [what, handle] of [
  ['in front of the page', ADDRESS - RECORD_SIZE],
  ['behind the last record', ADDRESS + 21 * RECORD_SIZE],
  ['in the midst of a record', ADDRESS + 8],
] as const) {
  test(`a handle ${what} is EINVAL`, () => {
    const { message } = refused('EINVAL', () => table().at(BigInt(handle)));
    match(message, new RegExp(`no record begins at 0x${handle.toString(16)}`));
    refused('EINVAL', () => table().entryAt(BigInt(handle)));
  });
}

test('a handle of a record that nobody has written is EINVAL', () => {
  match(refused('EINVAL', () => table().at(BigInt(ADDRESS))).message, /none is at 0x7000/);
});
