import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Compiles a C program of this project, where that has not been done, into a static binary.
 *
 * @param source its path from the root of the project
 * @returns the path of the binary
 */
export function compile(source: string, ...options: string[]): string {
  const input = join(root, source);
  const output = join(root, 'build', [basename(source, '.c'), ...options].join(''));
  if (isNewer(output, input)) return output;
  mkdirSync(join(root, 'build'), { recursive: true });
  // Under a name of its own first: tests that run at the same time may want the same program.
  const unfinished = `${output}.${process.pid}`;
  execFileSync('gcc', [
    '-O2',
    '-Wall',
    '-Werror',
    '-static',
    '-pthread',
    '-D_GNU_SOURCE',
    ...options,
    '-o',
    unfinished,
    input,
  ]);
  renameSync(unfinished, output);
  return output;
}

/** What a test that needs a C program says when it is skipped, or false where it need not be. */
export function noCompiler(): string | false {
  return spawnSync('gcc', ['--version']).status === 0
    ? false
    : 'there is no C compiler (install gcc and the static C library)';
}

function isNewer(file: string, than: string): boolean {
  const [own, other] = [file, than].map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs);
  return own !== undefined && other !== undefined && own > other;
}
