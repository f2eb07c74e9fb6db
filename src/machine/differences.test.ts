/** What docs/differences.md says of luo, where only a real machine can show it. */
import { deepEqual, match } from 'node:assert/strict';
import { test } from 'node:test';
import { skip, testCase } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo } from '../testing/luo.js';

testCase('v5: a CREATE_SESSION that failed keeps no descriptor', 'differences', 'failed-create', ['--abi', 'v5']);

/** A case that makes a live update with one session, and goes on in the next generation. */
function testOverKexec(title: string, name: string, options: readonly string[]): void {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    const program = compile('test/programs/differences.c');
    const { code, stdout, stderr } = await luo.run(['run', ...options, '--', program, name]);
    deepEqual([code, stdout], [0, ''], stderr);
    match(stderr, /^luo: kexec: generation 2, 1 session, \d files?, [^\n]*\n$/);
    deepEqual(luo.machines(), []);
  });
}

for (const profile of ['linux', 'v5'] as const) {
  const title = `${profile}: pages that were set aside past the end of a file stay with it over a live update`;
  testOverKexec(title, 'past-the-end', ['--abi', profile]);
}

for (const [title, name, ...options] of [
  ['v5: pages past the end are not in a copy that a strict machine makes', 'past-the-end-copied', '--strict'],
  ['v5: a file that the close of another session unfroze passes with the size that it got then', 'unfrozen'],
  ['v5: a file comes back with its seals, the very inode', 'seals'],
  ['v5: a file comes back without seals on a strict machine, as a copy where it had any', 'seals-strictly', '--strict'],
] as const) {
  testOverKexec(title, name, ['--abi', 'v5', ...options]);
}
