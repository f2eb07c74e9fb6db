/** The commands of README.md and docs/, as a reader would paste them: every block of `sh`, in order. */
import { equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeKernelImage } from './kernel-image.js';
import { Luo, luoCommand } from './luo.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter((name) =>
  name.endsWith('.md'),
);

for (const page of pages) {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, text = '']) => text,
  );
  if (blocks.length === 0) continue;
  test(`every command of ${page} does what it says, one after the other`, async (t) => {
    await using luo = new Luo();
    const env = readersEnvironment(luo);
    for (const [index, block] of blocks.entries()) {
      await t.test(firstLine(block), async (part) => {
        if (/\bkexec -l|update\.sh/.test(block) && !isInstalled('kexec')) {
          part.skip('kexec is not installed: apt-get install kexec-tools');
          return;
        }
        const script = join(luo.directory, `block-${index}`);
        writeFileSync(script, block);
        const { code, stdout, stderr } = await luo.startCommand(['bash', '-euo', 'pipefail', script], { env }).result;
        equal(code, 0, `${block}\n${stdout}\n${stderr}`);
      });
    }
  });
}

/** What a reader has: the examples in the working directory, `luo` in the PATH, and a kernel to load. */
function readersEnvironment(luo: Luo): Record<string, string> {
  cpSync(join(root, 'examples'), join(luo.directory, 'examples'), { recursive: true });
  const programs = join(luo.directory, 'bin');
  mkdirSync(programs);
  writeFileSync(join(programs, 'luo'), `#!/bin/sh\nexec ${luoCommand.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(join(programs, 'luo'), 0o755);
  const kernel = join(luo.directory, 'vmlinuz');
  writeKernelImage(kernel);
  // Where Debian has kexec, and an ordinary user does not look.
  return { PATH: `${programs}:${process.env['PATH']}:/usr/sbin:/sbin`, KERNEL: kernel };
}

function firstLine(block: string): string {
  return block.split('\n')[0] ?? '';
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return existsSync(`/sbin/${command}`);
  }
}
