import assert from 'node:assert/strict';
import { compile } from './compile.js';
import { Luo } from './luo.js';

/**
 * Runs a case of a C program of the tests on a machine of its own. The program checks; here it only must end well,
 * say nothing, and leave nothing behind.
 *
 * @param source the program's name in `test/programs`
 * @param options of `luo run`
 */
export async function holds(source: string, name: string, options: readonly string[] = []): Promise<void> {
  await using luo = new Luo();
  const program = compile(`test/programs/${source}.c`);
  const { code, stdout, stderr } = await luo.run(['run', ...options, '--', program, name]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  assert.deepEqual(luo.machines(), []);
}
