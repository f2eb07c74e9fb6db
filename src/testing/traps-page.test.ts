/** Whether the tests that docs/traps.md promises are there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const page = fileURLToPath(new URL('../../docs/traps.md', import.meta.url));
const promises = [...readFileSync(page, 'utf8').matchAll(/\["([^"]+)"\]\(\.\.\/(src\/[\w./-]+)\)/g)];

test('every test that docs/traps.md names is in the file that it names', () => {
  assert.ok(promises.length > 40);
  const missing = promises.filter(([, title = '', file = '']) => !sourceOf(file).includes(title));
  assert.deepEqual(
    missing.map(([link]) => link),
    [],
  );
});

test('docs/traps.md has a row for each number', () => {
  const numbers = [...readFileSync(page, 'utf8').matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  assert.deepEqual(
    numbers,
    Array.from({ length: 26 }, (_, index) => index + 1),
  );
});

function sourceOf(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
}
