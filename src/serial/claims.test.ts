import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Claim, claim, claims, socketOf } from './claims.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-claims-'));
process.env['LUO_RUNTIME_DIR'] = directory;
after(() => rmSync(directory, { recursive: true }));

const record = { pid: process.pid, path: '/dev/ttyUSB0', state: 'held' } as const;

function taken(name: string): Claim {
  const claimed = claim(name, record);
  ok('release' in claimed);
  return claimed;
}

test('a name is taken once, and tells by whom', () => {
  const first = taken('188-0');
  deepEqual(claim('188-0', { ...record, pid: 1 }), record);
  deepEqual([...claims()], [['188-0', record]]);
  const other = taken('188-1');
  first.release();
  deepEqual([...claims().keys()], ['188-1']);
  taken('188-0').release();
  other.release();
});

test('the last one to go removes all files', () => {
  const one = taken('4-64');
  equal(one.socket, socketOf('4-64'));
  writeFileSync(one.socket, '');
  one.release();
  equal(existsSync(join(directory, '.serial')), false);
});

test('what a killed holder has left is removed, and the name is free', () => {
  mkdirSync(join(directory, '.serial'));
  writeFileSync(join(directory, '.serial/188-7'), JSON.stringify(record));
  writeFileSync(socketOf('188-7'), '');
  deepEqual([...claims()], []);
  equal(existsSync(join(directory, '.serial')), false);
  taken('188-7').release();
});
