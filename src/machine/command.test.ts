import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CommandError, findExecutable, isBinary } from './command.js';

const cwd = mkdtempSync(join(tmpdir(), 'luo-command-'));
after(() => rmSync(cwd, { recursive: true }));

function write(path: string, text: string, mode = 0o755): string {
  writeFileSync(join(cwd, path), text);
  chmodSync(join(cwd, path), mode);
  return join(cwd, path);
}

const find = (name: string, env: readonly string[] = []) => findExecutable({ argv: [name], env, cwd });

function refuses(exitCode: number, message: RegExp, action: () => unknown): void {
  assert.throws(
    action,
    (error) => error instanceof CommandError && error.exitCode === exitCode && message.test(error.message),
  );
}

for (const directory of ['first', 'second', 'second/inner']) mkdirSync(join(cwd, directory));

test('findExecutable() takes a name with a slash as a path from the working directory', () => {
  const program = write('second/program', 'echo\n');
  symlinkSync('program', join(cwd, 'second/link'));
  assert.equal(find('second/program'), program);
  assert.equal(find('./second/../second/link'), join(cwd, 'second/link'));
  assert.equal(find(program), program);
});

test('findExecutable() takes the first in PATH that may be executed, as a shell does', () => {
  write('first/tool', 'text', 0o644);
  const tool = write('second/tool', 'echo\n');
  assert.equal(find('tool', ['PATH=/none:first:second']), tool);
  assert.equal(find('tool', ['HOME=/', `PATH=${cwd}/second`]), tool);
  const own = write('own', 'echo\n');
  assert.equal(find('own', ['PATH=/none:']), own, 'an empty entry is the working directory');
  assert.match(find('sh'), /bin\/sh$/, 'without PATH there is a default');
});

test('findExecutable() refuses with 127 what is not there', () => {
  refuses(127, /^Cannot run "none": no such command in PATH \(first:second\)$/, () =>
    find('none', ['PATH=first:second']),
  );
  refuses(127, /^Cannot run ".\/none": there is no such file in \//, () => find('./none'));
  refuses(127, /there is no such file/, () => find(`./${'x'.repeat(300)}`));
  refuses(127, /empty command/, () => find(''));
});

test('findExecutable() refuses with 126 what is there and cannot be executed', () => {
  write('plain', 'text', 0o644);
  refuses(126, /^Cannot run "first": \/.*\/first: it is a directory$/, () => find('first', ['PATH=.']));
  refuses(126, /^Cannot run ".\/plain": it is not executable: chmod \+x \/.*\/plain$/, () => find('./plain'));
  refuses(126, /^Cannot run "tool": \/.*first\/tool: it is not executable/, () => find('tool', ['PATH=first']));
  for (const line of ['#!/no/such\n', '#! \t/no/such -x y\n', '#!/no/such']) {
    write('script', line);
    refuses(126, /its first line names the interpreter \/no\/such, and there is no such file$/, () => find('./script'));
  }
  refuses(126, /its working directory \/none is not there$/, () =>
    findExecutable({ argv: ['true'], env: [], cwd: '/none' }),
  );
});

test('isBinary() tells a file that no shell should read: its first line has a NUL', () => {
  assert.equal(isBinary(write('a', 'MZ\0\n')), true);
  assert.equal(isBinary(write('b', 'echo\n\0\0')), false);
  assert.equal(isBinary(write('c', '')), false);
  assert.equal(isBinary(join(cwd, 'none')), false);
});
