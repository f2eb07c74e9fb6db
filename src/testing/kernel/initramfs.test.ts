import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeInitramfs } from './initramfs.js';

const directory = mkdtempSync(join(tmpdir(), 'luo-initramfs-'));
const archive = join(directory, 'archive');
after(() => rmSync(directory, { recursive: true }));

test('writeInitramfs() writes each directory once, before what is in it', () => {
  const empty = new Uint8Array(0);
  writeInitramfs(
    archive,
    new Map([
      ['/a/b/c', empty],
      ['/a/d', empty],
      ['/e', empty],
    ]),
  );
  assert.deepEqual(
    entries().map(({ name, mode }) => [name, mode.toString(8)]),
    [
      ['a', '40755'],
      ['a/b', '40755'],
      ['a/b/c', '100644'],
      ['a/d', '100644'],
      ['e', '100644'],
      ['TRAILER!!!', '0'],
    ],
  );
});

test('writeInitramfs() copies bytes and the mode of files, whatever their length', () => {
  const source = join(directory, 'source');
  writeFileSync(source, 'program');
  chmodSync(source, 0o750);
  writeInitramfs(
    archive,
    new Map<string, string | Uint8Array>([
      ['/é', source],
      ['/four', Buffer.from('four')],
    ]),
  );
  const [program, four] = entries();
  assert.deepEqual(program, { name: 'é', mode: 0o100750, content: 'program' });
  assert.deepEqual(four, { name: 'four', mode: 0o100644, content: 'four' });
});

test('writeInitramfs() fails where a file cannot be read', () => {
  assert.throws(() => writeInitramfs(archive, new Map([['/init', join(directory, 'none')]])), { code: 'ENOENT' });
});

/** Reads the archive as the documentation of Linux says (buffer-format of early userspace). */
function entries(): { name: string; mode: number; content: string }[] {
  const bytes = readFileSync(archive);
  const found = [];
  let at = 0;
  const take = (length: number): Buffer => {
    const part = bytes.subarray(at, at + length);
    at = (at + length + 3) & ~3;
    return part;
  };
  while (at < bytes.length) {
    const fields = bytes.toString('latin1', at, at + 110);
    assert.match(fields, /^070701[0-9a-f]{104}$/);
    const field = (index: number): number => Number.parseInt(fields.slice(6 + 8 * index, 14 + 8 * index), 16);
    const name = take(110 + field(11)).toString('utf8', 110);
    assert.ok(name.endsWith('\0'));
    found.push({ name: name.slice(0, -1), mode: field(1), content: take(field(6)).toString() });
  }
  return found;
}
