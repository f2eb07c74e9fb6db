/** Whether a test on a real Linux fails where it must, and says enough to find out why. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compile, noCompiler } from '../compile.js';
import { Luo } from '../luo.js';
import { cannotBoot, findImage } from './image.js';
import { Linux } from './linux.js';

const found = findImage();
const skip = noCompiler() || cannotBoot(found);
const image = found ?? '';

describe('a test on Linux', () => {
  test('fails where a program or a kexec does, and shows the console', { skip }, async () => {
    const [check, agent] = ['frozen', 'agent'].map((name) => compile(`test/programs/${name}.c`));
    assert.ok(check && agent);
    await using linux = await Linux.boot({ image, files: [check, agent], generations: 1 });
    await assert.rejects(linux.run([check, 'no-such-case']), (error: Error) => {
      assert.match(error.message, /^Cannot run \S+frozen no-such-case on Linux: it exited 2\.\n/);
      assert.match(error.message, /\n--- its console:\n[\s\S]*\nno case "no-such-case"/);
      return true;
    });
    await assert.rejects(
      linux.run(['/none']),
      /^Error: Cannot run \/none on Linux: it exited 127\.\n[\s\S]*\n\/none: No such file or directory/,
    );
    await assert.rejects(linux.start([check, 'size'], /something/), /says \/something\/ on Linux: it exited 0\.\n/);
    await assert.rejects(linux.kexec(), /^Error: Cannot kexec on Linux: it cannot kexec: Invalid argument\.\n/);
    assert.equal(await linux.run([agent, 'fork']), 'count 1 fork\n');
    await linux.powerOff();
    await assert.rejects(linux.run([agent]), /^Error: Cannot run \S+agent on Linux: QEMU ended with 0\.\n/);
  });

  test('fails at once where QEMU does not take the kernel', { skip }, async () => {
    await using luo = new Luo();
    const broken = join(luo.directory, 'broken');
    writeFileSync(broken, 'no kernel');
    const boot = Linux.boot({ image: broken, files: [], generations: 1 });
    await assert.rejects(boot, /^Error: Cannot boot on Linux: QEMU ended with 1\.\n--- its output:\nqemu/);
  });

  test('fails at once where there is no QEMU', { skip }, async () => {
    compile('test/kernel/init.c');
    const { PATH = '' } = process.env;
    process.env['PATH'] = '/none';
    try {
      const boot = Linux.boot({ image, files: [], generations: 1 });
      await assert.rejects(boot, /^Error: Cannot boot on Linux: QEMU cannot be run: spawn setpriv ENOENT\.\n/);
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  test('fails where Linux takes too long', { skip }, async () => {
    const boot = Linux.boot({ image, files: [], generations: 1 }, 0);
    await assert.rejects(boot, /^Error: Cannot boot on Linux: it takes too long\.\n/);
  });

  test('fails where a file for the computer is missing', { skip }, async () => {
    await assert.rejects(Linux.boot({ image, files: ['/none'], generations: 2 }), { code: 'ENOENT' });
  });
});
