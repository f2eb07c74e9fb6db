/** The real `luo`, run by tests: each with directories of its own, and nothing left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** The command line of `luo`, for tests that start it in their own way. */
export const luoCommand: readonly string[] = [process.execPath, program];

/** How long any one command of a test may take. A command that hangs fails its test. Milliseconds. */
const LIMIT = 60_000;

export interface Result {
  /** The exit code, or undefined where a signal ended the command. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Its input is the test's to write and to end. */
  readonly keepInput?: boolean;
  /** A command that runs luo, with what it needs before it. */
  readonly prefix?: readonly string[];
}

/** A place where machines of one test run. Dispose of it when the test is over: `using luo = new Luo()`. */
export class Luo {
  /** A directory for whatever the test needs; it goes with the rest. */
  readonly directory = mkdtempSync(join(tmpdir(), 'luo-test-'));
  readonly env: Readonly<Record<string, string>> = {
    LUO_RUNTIME_DIR: join(this.directory, 'run'),
    XDG_STATE_HOME: join(this.directory, 'state'),
    LUO_MACHINE: '',
  };
  readonly #children = new Set<ChildProcess>();

  /** Runs `luo` with arguments, to its end. */
  async run(args: readonly string[], settings: RunSettings = {}): Promise<Result> {
    return this.start(args, settings).result;
  }

  /** Starts `luo` with arguments. */
  start(args: readonly string[], settings: RunSettings = {}): Running {
    return this.startCommand([...(settings.prefix ?? []), ...luoCommand, ...args], settings);
  }

  /** Starts any command with the environment in which this test's machines are found. */
  startCommand([file = '', ...args]: readonly string[], { cwd, env, input, keepInput }: RunSettings = {}): Running {
    const child = spawn(file, args, {
      cwd: cwd ?? this.directory,
      env: { ...process.env, ...this.env, ...env },
      stdio: [input === undefined && !keepInput ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (input !== undefined) child.stdin?.end(input);
    // It may have ended before it read all.
    child.stdin?.on('error', () => {});
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    return new Running(child);
  }

  /** The log of a detached machine so far. */
  log(name: string): string {
    return readFileSync(join(this.directory, 'state', 'luo', `${name}.log`), 'utf8');
  }

  /** Waits until the log of a detached machine matches. */
  async logMatches(name: string, pattern: RegExp): Promise<string> {
    return eventually(`the log of ${name} matches ${pattern}`, () => {
      const log = this.log(name);
      return pattern.test(log) ? log : undefined;
    });
  }

  /** The names of the machines that have files. */
  machines(): string[] {
    try {
      return readdirSync(join(this.directory, 'run'));
    } catch {
      return [];
    }
  }

  /** All processes that were started here, and theirs: the environment tells them. Zombies are none. */
  processes(): number[] {
    const mark = `LUO_RUNTIME_DIR=${join(this.directory, 'run')}\0`;
    return readdirSync('/proc').flatMap((entry) => (environmentOf(entry).includes(mark) ? [Number(entry)] : []));
  }

  /** Waits until no process and no file of a machine is left. */
  async nothingIsLeft(): Promise<void> {
    await eventually('no process and no file of a machine is left', () =>
      this.processes().length === 0 && this.machines().length === 0 ? true : undefined,
    );
  }

  /** Ends every machine of this test, whatever has become of it, and removes all files. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.machines()) await this.run(['stop', '--timeout', '0', name]);
    for (const child of this.#children) child.kill('SIGKILL');
    while (this.#children.size > 0 || this.processes().length > 0) {
      for (const pid of this.processes()) killIfThere(pid);
      await setTimeout(5);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A command that runs. */
export class Running {
  stdout = '';
  stderr = '';
  readonly result: Promise<Result>;
  #hasEnded = false;

  constructor(readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.stdout += part;
    });
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      this.stderr += part;
    });
    this.result = new Promise((resolve, reject) => {
      const limit = globalThis.setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`${child.spawnargs.join(' ')} took more than ${LIMIT} ms.\n${this.stdout}\n${this.stderr}`));
      }, LIMIT);
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.#hasEnded = true;
        clearTimeout(limit);
        resolve({ code: code ?? undefined, signal: signal ?? undefined, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error(`Cannot run ${this.child.spawnargs.join(' ')}`);
    return pid;
  }

  /** Waits until standard output matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matches(pattern, () => this.stdout);
  }

  /** Waits until standard error matches. */
  async warns(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matches(pattern, () => this.stderr);
  }

  #matches(pattern: RegExp, output: () => string): Promise<RegExpExecArray> {
    return eventually(`"${this.child.spawnargs.join(' ')}" says ${pattern}`, () => {
      const found = pattern.exec(output());
      if (found === null && this.#hasEnded)
        throw new Error(`It ended before it said ${pattern}: "${this.stdout}" "${this.stderr}"`);
      return found ?? undefined;
    });
  }
}

/** Waits until `look` finds something. */
export async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const limit = performance.now() + LIMIT;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > limit) throw new Error(`Waited for more than ${LIMIT} ms until ${what}`);
    await setTimeout(10);
  }
}

/** Empty for a process that is gone, or somebody else's; also for a zombie. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Whether a process runs. A zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
