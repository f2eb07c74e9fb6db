/**
 * README.md and docs/, as a reader would follow them. Every block of `sh` is pasted into a shell, in order. A block of
 * C names its file, such as "```c ring.c", and one of `js` or `ts` may: the reader has saved it before the first
 * command, and some command uses it.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeKernelImage } from './kernel-image.js';
import { Luo, luoCommand } from './luo.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Page {
  /** Its path from the root of the project. */
  readonly name: string;
  readonly text: string;
  readonly commands: readonly string[];
  /** Programs by the name of their file; an empty name where a block has none. */
  readonly programs: readonly { readonly file: string; readonly source: string }[];
}

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))]
  .filter((name) => name.endsWith('.md'))
  .map(readPage);

for (const { name, commands, programs } of pages) {
  if (commands.length === 0) continue;
  test(`every command of ${name} does what it says, one after the other`, async (t) => {
    await using luo = new Luo();
    const env = readersEnvironment(luo);
    for (const { file, source } of programs) writeFileSync(join(luo.directory, file), source);
    for (const [index, block] of commands.entries()) {
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

test('every program of a page has the name of a file, and a command that uses it', () => {
  const unused = pages.flatMap(({ name, commands, programs }) =>
    programs
      .filter(({ file }) => file === '' || !commands.some((block) => block.includes(file)))
      .map(({ file }) => `${name}: ${file || 'a program without a name'}`),
  );
  deepEqual(unused, []);
});

test('every test that a page names is in the file that it names', () => {
  const promises = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\["([^"]+)"\]\(((?:\.\.\/)?src\/[\w./-]+)\)/g)].map(([, title = '', target = '']) => ({
      name,
      // A title may go over the end of a line.
      title: title.replace(/\s+/g, ' '),
      file: join(dirname(name), target),
    })),
  );
  ok(promises.length > 60);
  const missing = promises.filter(({ title, file }) => !sourceOf(file).includes(title));
  deepEqual(missing, []);
});

test('every link within the project leads somewhere', () => {
  const broken = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !leadsSomewhere(name, target))
      .map((target) => `${name}: ${target}`),
  );
  deepEqual(broken, []);
});

function readPage(name: string): Page {
  const text = readFileSync(join(root, name), 'utf8');
  return {
    name,
    text,
    commands: [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block),
    programs: [...text.matchAll(/^```(?:c|(?:js|ts)(?= ))(?: (\S+))?\n(.*?)^```$/gms)].map(
      ([, file = '', source = '']) => ({
        file,
        source,
      }),
    ),
  };
}

function leadsSomewhere(from: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? join(root, from) : join(root, dirname(from), path);
  if (!existsSync(file)) return false;
  return heading === undefined || headingsOf(file).includes(heading);
}

/** The names that GitHub gives to the headings of a page. */
function headingsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

function sourceOf(file: string): string {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
}

/**
 * What a reader has: the examples in the working directory, `luo` in the PATH and for modules to import, the compiler,
 * and a kernel to load.
 */
function readersEnvironment(luo: Luo): Record<string, string> {
  cpSync(join(root, 'examples'), join(luo.directory, 'examples'), { recursive: true });
  const programs = join(luo.directory, 'bin');
  mkdirSync(programs);
  writeFileSync(join(programs, 'luo'), `#!/bin/sh\nexec ${luoCommand.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(join(programs, 'luo'), 0o755);
  const packages = join(luo.directory, 'node_modules');
  mkdirSync(packages);
  symlinkSync(root, join(packages, 'luo'));
  for (const name of ['.bin', 'typescript']) symlinkSync(join(root, 'node_modules', name), join(packages, name));
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
