/** What programs get when they reboot the machine by themselves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile, noCompiler } from '../testing/compile.js';
import { writeKernelImage } from '../testing/kernel-image.js';
import { Luo } from '../testing/luo.js';
import { asOrdinaryUser, giveTo } from '../testing/user.js';

const skip = noCompiler();
const power = skip ? '' : compile('test/programs/power.c');
const agent = skip ? '' : compile('test/programs/agent.c');

test('reboot refuses what Linux refuses', { skip }, async () => {
  await using luo = new Luo();
  assert.deepEqual(await luo.run(['run', power, 'refuse']), { code: 0, signal: undefined, stdout: '', stderr: '' });
});

test('an image is loaded and unloaded, and /sys/kernel/kexec_loaded tells', { skip }, async () => {
  await using luo = new Luo();
  assert.deepEqual(await luo.run(['run', power, 'image']), { code: 0, signal: undefined, stdout: '', stderr: '' });
});

for (const command of ['restart', 'restart2']) {
  test(`reboot with ${command} runs the command again, without what was preserved`, { skip }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run(['run', power, command]);
    assert.deepEqual([code, stdout], [0, 'again, and nothing is there\n']);
    assert.equal(stderr, 'luo: restart: generation 2; what was preserved is gone, as after a cold boot\n');
  });
}

for (const command of ['halt', 'power-off']) {
  test(`reboot with ${command} ends the machine with 0`, { skip }, async () => {
    await using luo = new Luo();
    const { code, stdout, stderr } = await luo.run([
      'run',
      'sh',
      '-c',
      'sleep 1000 & "$0" "$@"; echo back',
      power,
      command,
    ]);
    assert.deepEqual([code, stdout, stderr], [0, '', '']);
    await luo.nothingIsLeft();
  });
}

const noKexecTools =
  (spawnSync('kexec', ['--version']).error && 'there is no kexec: install kexec-tools') ||
  (process.arch !== 'x64' && 'the image of this test is one of x86-64');
const script = `
"$0" fork
test -e mark && exit
touch mark
kexec -l -s --reuse-cmdline image || exit 9
kexec -e
echo "kexec came back"`;

for (const user of ['this user', 'an ordinary user'] as const) {
  const prefix = user === 'this user' ? [] : asOrdinaryUser();
  const reason = skip || noKexecTools || (typeof prefix === 'string' ? prefix : false);
  test(`a script with kexec-tools works as it is, for ${user}`, { skip: reason }, async () => {
    await using luo = new Luo();
    if (prefix.length > 0) giveTo(luo.directory);
    writeKernelImage(join(luo.directory, 'image'));
    const interfaces = networkInterfaces();
    const running = luo.start(['run', '--name', 'k', 'sh', '-c', script, agent], { prefix: [...prefix] });
    await running.says(/^count 2 fork$/m);
    await luo.run(['stop', 'k'], { prefix: [...prefix] });
    const { stdout, stderr } = await running.result;
    assert.equal(stdout, 'count 1 fork\ncount 2 fork\n');
    assert.match(stderr, /^luo: kexec: generation 2, 1 session, 1 file, 12\.0 KiB, blackout/m);
    assert.deepEqual(networkInterfaces(), interfaces, 'the network of the host is as it was');
  });
}

function networkInterfaces(): string[] {
  const root = '/sys/class/net';
  return readdirSync(root).map((name) => `${name} ${readFileSync(`${root}/${name}/flags`, 'latin1')}`);
}
