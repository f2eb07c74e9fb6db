import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noCompiler } from '../testing/compile.js';
import { Luo, type Result } from '../testing/luo.js';

const skip = noCompiler();
const demo = fileURLToPath(new URL('./demo.js', import.meta.url));

async function show(env: Record<string, string> = {}): Promise<Result> {
  await using luo = new Luo();
  return await luo.startCommand([process.execPath, demo, '--mebibytes', '16'], {
    env: { ...env, TMPDIR: luo.directory },
  }).result;
}

test('the demo shows a live update: memory is filled, carried over, checked and written on', { skip }, async () => {
  const { code, stdout, stderr } = await show();
  equal(stderr, '');
  for (const line of [
    /agent 1: filled 16 MiB/,
    /agent 1: hashed and preserved it in 2 sessions, 5 files/,
    /luo: kexec: generation 2, 2 sessions, 5 files, .*, blackout \d+\.\d ms/,
    /agent 2: retrieved 5 files/,
    /agent 2: 16 MiB checked by hash: same bytes, same size, same position/,
    /agent 2: 5 of 5 files are the very same inode: nothing was copied/,
    /agent 2: finished both sessions; the counter was \d+, is \d+, and goes on/,
    /done: nothing is left of the machine/,
  ]) {
    match(stdout, line);
  }
  equal(code, 0);
});

for (const damage of ['byte', 'position', 'size']) {
  test(`the demo fails where agent 1 leaves another ${damage} than it wrote down`, { skip }, async () => {
    const { code, stdout } = await show({ AGENT_DAMAGE: damage });
    match(stdout, new RegExp(`agent 2: File 1 has (another|other) ${damage}`));
    match(stdout, /the live update failed/);
    equal(code, 1);
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the demo leaves nothing behind when ${signal} ends it`, { skip }, async () => {
    await using luo = new Luo();
    const temporary = join(luo.directory, 'tmp');
    mkdirSync(temporary);
    const command = [process.execPath, demo, '--mebibytes', '64'];
    // A process group of its own, as a shell gives to a command: the terminal's signals reach all of it.
    const shown = luo.startCommand(['setsid', ...command], { env: { TMPDIR: temporary } });
    await shown.says(/agent 1: filled/);
    const leader = shown.pid;
    process.kill(signal === 'SIGINT' ? -leader : leader, signal);
    equal((await shown.result).code, 1);
    deepEqual(readdirSync(temporary), []);
    deepEqual(membersOf(leader), []);
  });
}

/** The processes of a process group. */
function membersOf(group: number): string[] {
  return spawnSync('pgrep', ['-g', String(group)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean);
}
