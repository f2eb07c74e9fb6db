import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { markOf } from './mark.js';

const file = fileURLToPath(new URL('./mark.js', import.meta.url));
const MARK = (1n << 62n) + 5n;

/** The mark that a process sees of itself after a marked process has run the script. */
function markBelow(script: string): string {
  const own = `import { markOf } from '${file}'; console.log(String(markOf(process.pid)))`;
  const marking = `import { setMark } from '${file}'; import { spawnSync } from 'node:child_process';
    setMark(${MARK}n);
    spawnSync('/bin/sh', ['-c', process.argv[1], process.execPath, process.argv[2]], { stdio: 'inherit', env: {} });`;
  const node = ['--input-type=module', '-e'];
  return execFileSync(process.execPath, [...node, marking, script, own], { encoding: 'utf8' }).trim();
}

for (const [what, script] of [
  ['children', '"$0" --input-type=module -e "$1"'],
  ['a session of its own', 'setsid "$0" --input-type=module -e "$1"'],
  ['what it leaves behind', '("$0" --input-type=module -e "$1" &)'],
] as const) {
  test(`a mark passes to ${what}`, () => {
    assert.equal(markBelow(script), String(MARK));
  });
}

test('a process has no mark by itself, and neither has one that is not there', () => {
  assert.equal(markOf(process.pid), undefined);
  const { pid } = spawnSync('true');
  assert.equal(markOf(pid), undefined);
});

test('where the hard limit leaves no room for it, a process stays without a mark, and is well', () => {
  const script = `import { markOf, setMark } from '${file}'; setMark(${MARK}n); console.log(String(markOf(process.pid)));`;
  const text = execFileSync(
    'bash',
    ['-c', 'ulimit -x 1000; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );
  assert.equal(text, '1000\n');
});
