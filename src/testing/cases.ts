/** Tests that are written in C: a table of cases in one program, each run on a machine of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, noCompiler } from './compile.js';
import { Luo } from './luo.js';

/** Why tests that need a C compiler are skipped, or false. */
export const skip = noCompiler();

/**
 * A test that runs a case of a program. The program checks; here it must end well, say nothing, and leave nothing
 * behind.
 *
 * @param source the program's name in `test/programs`
 * @param options of `luo run`
 */
export function testCase(title: string, source: string, name: string, options: readonly string[] = []): void {
  test(title, { skip }, async () => {
    await using luo = new Luo();
    const program = compile(`test/programs/${source}.c`);
    const { code, stdout, stderr } = await luo.run(['run', ...options, '--', program, name]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(luo.machines(), []);
  });
}
