/** What test:kernel runs on a real Linux does the same on a machine, strict or not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noCompiler } from '../compile.js';
import { Luo } from '../luo.js';
import { checkCommands, crews, type Stage } from './programs.js';

const skip = noCompiler();

/** Runs each of its arguments, a command with its arguments between tabs, and names the first that fails. */
const RUN_ALL = 'IFS="\t"; for command; do $command || { echo "failed: $command" >&2; exit 1; }; done';

for (const strict of [true, false]) {
  describe(strict ? 'on a strict machine' : 'on a machine that is not strict', { skip }, () => {
    const options = strict ? ['--strict'] : [];

    test('every call gives what Linux gives', async () => {
      await using luo = new Luo();
      const commands = checkCommands({ strict }).map((words) => words.join('\t'));
      const { code, stdout, stderr } = await luo.run(['run', ...options, '--', 'sh', '-c', RUN_ALL, 'sh', ...commands]);
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    });

    for (const { title, build } of crews.flatMap(({ agents }) => agents)) {
      test(title, async () => {
        await using luo = new Luo();
        await runStages(luo, options, build().stages);
        await luo.nothingIsLeft();
      });
    }
  });
}

async function runStages(luo: Luo, options: readonly string[], [first, ...others]: readonly Stage[]): Promise<void> {
  assert.ok(first);
  const running = luo.start(['run', ...options, '--name', 'agents', '--', ...first.command]);
  let exits = 0;
  for (const [index, { command, says, end }] of [first, ...others].entries()) {
    if (index > 0) {
      const { code, stderr } = await luo.run(['kexec', 'agents', '--', ...command]);
      assert.equal(code, 0, stderr);
    }
    await running.says(says);
    const isLast = index === others.length;
    if (end === 'updated') {
      if (isLast) assert.equal((await luo.run(['stop', 'agents'])).code, 0);
    } else if (isLast) {
      assert.equal((await running.result).code, 0, running.stderr);
    } else {
      exits++;
      await running.warns(new RegExp(`(?: exited with 0; machine "agents" stays up[\\s\\S]*){${exits}}`));
    }
  }
}
