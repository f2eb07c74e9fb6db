/** As `older-linux.c` has it, Linux is 5.14 here: the oldest that luo runs on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo, luoCommand } from '../testing/luo.js';

interface Attempt {
  readonly code: number | undefined;
  readonly stderr: string;
}

async function attempt(source: string, name: string): Promise<Attempt> {
  await using luo = new Luo();
  const [older, program] = [compile('test/programs/older-linux.c'), compile(`test/programs/${source}.c`)];
  const { code, stderr } = await luo.startCommand([older, ...luoCommand, 'run', '--', program, name]).result;
  assert.deepEqual(luo.machines(), []);
  return { code, stderr };
}

function testOnOlderLinux(title: string, source: string, name: string): void {
  test(`on Linux 5.14, ${title}`, { skip }, async () => {
    assert.deepEqual(await attempt(source, name), { code: 0, stderr: '' });
  });
}

/**
 * A signal can win against an answer that the kernel has taken already, and the one who answered is told that all went
 * well: then nobody can make up for it. That is rare, and what these tests are about happens hundreds of times in each
 * attempt: without luo's part in it, none of them could succeed.
 */
function testSignalsOnOlderLinux(title: string, name: string): void {
  test(`on Linux 5.14, ${title}`, { skip }, async () => {
    const failures: string[] = [];
    while (failures.length < 8) {
      const { code, stderr } = await attempt('signals', name);
      if (code === 0 && stderr === '') return;
      failures.push(stderr);
    }
    assert.fail(failures.join(''));
  });
}

testOnOlderLinux('a thread that does not lead its process preserves like any other', 'threads', 'not-leading');
testOnOlderLinux('many threads at once get each the right answer', 'threads', 'many');
testOnOlderLinux(
  "a thread never preserves a descriptor of the leader's in place of its own",
  'threads',
  'cannot-be-asked',
);
testSignalsOnOlderLinux('a command that a signal restarts is carried out once', 'restarting');
testSignalsOnOlderLinux(
  'a command that a signal interrupts and the program repeats is carried out once',
  'interrupting',
);
testSignalsOnOlderLinux('no call goes wrong in a program that is stopped and continued all the time', 'stopping');
