/** What runs first on a machine, and how its file is found: as a shell does. */
import { accessSync, closeSync, constants, openSync, readSync, type Stats, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

export interface Command {
  /** The program and its arguments, at least one word. */
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
}

/** A command that cannot be run. `exitCode` is what a shell would exit with. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly exitCode: 126 | 127,
  ) {
    super(message);
  }
}

/**
 * The file that the command names: a path where it has a slash, else the first match in PATH.
 *
 * @throws CommandError where there is none (127), or none that may be executed (126)
 */
export function findExecutable({ argv, env, cwd }: Command): string {
  const name = argv[0] ?? '';
  if (name === '') throw new CommandError('Cannot run an empty command: name a program after the options', 127);
  const directory = look(cwd);
  if (typeof directory === 'string' || !directory.isDirectory())
    throw new CommandError(`Cannot run "${name}": its working directory ${cwd} is not there`, 126);
  if (name.includes('/')) {
    const problem = whyNotExecutable(resolve(cwd, name));
    if (problem === 'missing') throw new CommandError(`Cannot run "${name}": there is no such file in ${cwd}`, 127);
    if (problem === 'hidden')
      throw new CommandError(`Cannot run "${name}": its directory may not be looked into (EACCES)`, 126);
    if (problem !== undefined) throw new CommandError(`Cannot run "${name}": ${problem}`, 126);
    return resolve(cwd, name);
  }
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? '/usr/local/bin:/usr/bin:/bin';
  let refused: string | undefined;
  for (const entry of path.split(delimiter)) {
    const file = resolve(cwd, entry, name);
    const problem = whyNotExecutable(file);
    if (problem === undefined) return file;
    // A directory that may not be looked into is as good as one that has nothing: so shells see it.
    if (problem !== 'missing' && problem !== 'hidden') refused ??= `${file}: ${problem}`;
  }
  if (refused !== undefined) throw new CommandError(`Cannot run "${name}": ${refused}`, 126);
  throw new CommandError(`Cannot run "${name}": no such command in PATH (${path})`, 127);
}

function whyNotExecutable(file: string): string | undefined {
  const status = look(file);
  if (typeof status === 'string') return status;
  if (status.isDirectory()) return 'it is a directory';
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return `it is not executable: chmod +x ${file}`;
  }
  const interpreter = interpreterOf(file);
  if (interpreter === undefined || look(interpreter) !== 'missing') return undefined;
  return `its first line names the interpreter ${interpreter}, and there is no such file`;
}

function look(file: string): Stats | 'missing' | 'hidden' {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? 'missing';
  } catch (error) {
    // Errors of Node's file functions carry the error's name. Any other says that no file can have that path.
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'hidden' : 'missing';
  }
}

/** What the kernel runs a script by: the first word after `#!`. */
function interpreterOf(file: string): string | undefined {
  return /^#![ \t]*([^ \t\n]+)/.exec(beginning(file))?.[1];
}

/** Whether a file that the kernel does not know is no text either: its first line has a NUL. */
export function isBinary(file: string): boolean {
  return /^[^\n]*\0/.test(beginning(file));
}

/** As much as the kernel looks at, a byte a character; nothing of what may be executed and not read. */
function beginning(file: string): string {
  const bytes = Buffer.alloc(256);
  let length = 0;
  try {
    const descriptor = openSync(file, 'r');
    length = readSync(descriptor, bytes);
    closeSync(descriptor);
  } catch {
    // The kernel says what it thinks of it.
  }
  return bytes.toString('latin1', 0, length);
}
