/** A real Linux in QEMU, which does what a test tells it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Hardware, prepare } from './hardware.js';

/** QEMU translates every instruction, and this computer may be busy. Milliseconds. */
const LIMIT = 300_000;

/** How much of the console an error shows. Lines. */
const TAIL = 30;

/**
 * A virtual computer whose Linux has live update, with nothing on it but the files that it is given. Its process 1 is
 * test/kernel/init.c.
 *
 * Methods throw an Error with the end of the console where a program, the kernel or QEMU does not do what it was asked
 * for, and where the computer has lived for too long.
 */
export class Linux implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'luo-linux-'));
  readonly #qemu: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #limit: number;
  /** What init and the programs have said since the last command. */
  #output = '';
  /** Why there will be no more of it. */
  #end: string | undefined;

  private constructor(hardware: Hardware, limit: number) {
    this.#limit = performance.now() + limit;
    try {
      // It is read also where QEMU has not come so far.
      writeFileSync(this.#console, '');
      const qemu = ['qemu-system-x86_64', ...prepare(hardware, this.#directory, this.#console)];
      // It must not outlive a test that is killed.
      this.#qemu = spawn('setpriv', ['--pdeathsig', 'KILL', ...qemu], { stdio: 'pipe' });
    } catch (error) {
      rmSync(this.#directory, { recursive: true });
      throw error;
    }
    for (const stream of [this.#qemu.stdout, this.#qemu.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    // It may end before it has read all; that it ended is said below.
    this.#qemu.stdin?.on('error', () => {});
    this.#closed = new Promise((resolve) => {
      const close = (reason: string): void => {
        this.#end ??= reason;
        resolve();
      };
      this.#qemu.on('error', ({ message }) => close(`QEMU cannot be run: ${message}`));
      this.#qemu.on('close', (code, signal) => close(`QEMU ended with ${signal ?? code}`));
    });
  }

  /**
   * Switches one on, and waits until it takes commands.
   *
   * @param limit how long it may live, in milliseconds
   */
  static async boot(hardware: Hardware, limit = LIMIT): Promise<Linux> {
    const linux = new Linux(hardware, limit);
    try {
      await linux.#answer('boot', 'ready');
      return linux;
    } catch (error) {
      await linux[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs a program, which must exit with 0. Processes that it leaves behind go on.
   *
   * @returns its standard output
   */
  async run(command: readonly string[]): Promise<string> {
    this.#tell(`run ${command.join('\t')}`);
    return this.#answer(`run ${command.join(' ')}`, 'exited 0');
  }

  /**
   * Starts a program that goes on, and waits until its standard output matches.
   *
   * @returns its standard output so far
   */
  async start(command: readonly string[], says: RegExp): Promise<string> {
    this.#tell(`run ${command.join('\t')}`);
    return this.#until(`${command.join(' ')} says ${says}`, (output) => {
      const [, answer] = /^init: (.*)\n/m.exec(output) ?? [];
      if (answer !== undefined) throw new Error(`it ${answer}`);
      return says.test(output) ? output : undefined;
    });
  }

  /** Ends all programs, and boots the next kernel by a live update. */
  async kexec(): Promise<void> {
    this.#tell('kexec');
    await this.#answer('kexec', 'ready');
  }

  /** Switches it off, and waits until it is. */
  async powerOff(): Promise<void> {
    this.#tell('power off');
    await this.#until('power off', () => (this.#end === undefined ? undefined : true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#closed;
    rmSync(this.#directory, { recursive: true });
  }

  get #console(): string {
    return join(this.#directory, 'console');
  }

  #tell(command: string): void {
    this.#output = '';
    this.#qemu.stdin?.write(`${command}\n`);
  }

  /** Waits for what init says, and gives what the program said before that. */
  #answer(what: string, wanted: string): Promise<string> {
    return this.#until(what, (output) => {
      const [all = '', before, answer] = /^([\s\S]*?)^init: (.*)\n/m.exec(output) ?? [];
      if (answer === undefined) return undefined;
      if (answer !== wanted) throw new Error(`it ${answer}`);
      return all.slice(0, before?.length);
    });
  }

  async #until<T>(what: string, look: (output: string) => T | undefined): Promise<T> {
    try {
      for (;;) {
        const found = look(this.#output);
        if (found !== undefined) return found;
        if (this.#end !== undefined) throw new Error(this.#end);
        if (performance.now() > this.#limit) throw new Error('it takes too long');
        await setTimeout(10);
      }
    } catch (error) {
      throw this.#error(what, error instanceof Error ? error.message : String(error));
    }
  }

  #error(what: string, reason: string): Error {
    const console = readFileSync(this.#console, 'utf8').replaceAll('\r', '');
    const [said, shown] = [this.#output, console].map((text) => text.trimEnd().split('\n').slice(-TAIL).join('\n'));
    return new Error(`Cannot ${what} on Linux: ${reason}.\n--- its output:\n${said}\n--- its console:\n${shown}`);
  }
}
