import { equal, ok, throws } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { syscallNumbers } from './syscalls.js';

/** The numbers that a header defines, by name. */
function definedIn(header: string, pattern: RegExp): Map<string, number> {
  const text = readFileSync(header, 'utf8');
  return new Map([...text.matchAll(pattern)].map(([, name = '', number]) => [name, Number(number)]));
}

function compare(t: TestContext, architecture: string, header: string, pattern: RegExp, also: [string, string][] = []) {
  if (!existsSync(header)) return t.skip(`${header} is not there`);
  const defined = definedIn(header, pattern);
  for (const [ours, theirs] of also) defined.set(ours, defined.get(theirs) ?? -1);
  for (const [name, number] of Object.entries(syscallNumbers(architecture))) {
    // A call that is younger than the header is not in it.
    if (defined.has(name) || number === undefined) equal(number, defined.get(name), name);
  }
  ok(defined.size > 200);
}

test('the numbers of x64 are those of the header', (t) => {
  compare(t, 'x64', '/usr/include/x86_64-linux-gnu/asm/unistd_64.h', /^#define __NR_(\w+) (\d+)/gm);
});

test('the numbers of arm64 are those of the generic header', (t) => {
  const pattern = /^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm;
  compare(t, 'arm64', '/usr/include/asm-generic/unistd.h', pattern, [['newfstatat', 'fstatat']]);
});

test('a call that arm64 never had is undefined there', () => {
  equal(syscallNumbers('x64').open, 2);
  equal(syscallNumbers('arm64').open, undefined);
  equal(syscallNumbers('arm64').openat, 56);
});

test('syscallNumbers() says which architecture it does not know', () => {
  throws(() => syscallNumbers('riscv64'), /"riscv64": luo runs on x64 and arm64/);
});
