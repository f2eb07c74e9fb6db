/** As `older-linux.c` has it, Linux is 5.14 here: the oldest that luo runs on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skip } from '../testing/cases.js';
import { compile } from '../testing/compile.js';
import { Luo, luoCommand } from '../testing/luo.js';

function testOnOlderLinux(title: string, source: string, name: string): void {
  test(`on Linux 5.14, ${title}`, { skip }, async () => {
    await using luo = new Luo();
    const [older, program] = [compile('test/programs/older-linux.c'), compile(`test/programs/${source}.c`)];
    const { code, stderr } = await luo.startCommand([older, ...luoCommand, 'run', '--', program, name]).result;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.deepEqual(luo.machines(), []);
  });
}

testOnOlderLinux('a thread that does not lead its process preserves like any other', 'threads', 'not-leading');
testOnOlderLinux('many threads at once get each the right answer', 'threads', 'many');
testOnOlderLinux(
  "a thread never preserves a descriptor of the leader's in place of its own",
  'threads',
  'cannot-be-asked',
);
testOnOlderLinux('a command that a signal restarts is carried out once', 'signals', 'restarting');
testOnOlderLinux(
  'a command that a signal interrupts and the program repeats is carried out once',
  'signals',
  'interrupting',
);
testOnOlderLinux('no call goes wrong in a program that is stopped and continued all the time', 'signals', 'stopping');
