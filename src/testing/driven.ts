/** The program of test/programs/upgrade.c, on a machine: it does what a test tells it, a line at a time. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compile } from './compile.js';
import { eventually, type Luo, type Running } from './luo.js';

export const drivenProgram = () => compile('test/programs/upgrade.c');

export class Driven {
  readonly running: Running;
  #answers = 0;

  constructor(luo: Luo, options: readonly string[] = []) {
    this.running = luo.start(['run', '--name', 'web', ...options, drivenProgram()], { keepInput: true });
  }

  /** Gives the program a line, and checks its answer. */
  async does(line: string, answer: string | RegExp = 'ok'): Promise<string> {
    return this.did([line], answer);
  }

  /** The same for several lines, of which the last answer is checked; the others must be `ok`. */
  async did(lines: readonly string[], answer: string | RegExp = 'ok'): Promise<string> {
    this.running.child.stdin?.write(lines.map((line) => `${line}\n`).join(''));
    let last = '';
    for (const [index, line] of lines.entries()) {
      last = await this.answer(line);
      if (index < lines.length - 1) assert.match(last, /^ok/, line);
      else if (typeof answer === 'string') assert.equal(last, answer, line);
      else assert.match(last, answer, line);
    }
    return last;
  }

  /** The next answer, without its end. */
  answer(line: string): Promise<string> {
    const next = this.#answers;
    this.#answers += 1;
    return eventually(`the program answers "${line}": ${this.running.stderr}`, () => {
      const lines = this.running.stdout.split('\n').slice(0, -1);
      return lines[next]?.trimEnd();
    });
  }
}

/** The process group of a process: keys of a terminal reach it. */
export function groupOf(pid: number): number {
  const [, , group] = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(group);
}
