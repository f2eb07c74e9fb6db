import { BoundedText, type Try } from './recording.js';
import { borders } from './worker-protocol.js';

/** A line that is longer than this is matched in parts, in bytes. */
const LONGEST_LINE = 16 * 1024;

/**
 * The output of a run as it comes in. The worker puts a mark into it wherever a program begins and when the run is over:
 * what stands between two marks is that program's, and nothing of it is in the wrong place.
 */
export class Output {
  readonly #mark: Buffer;
  readonly #line: (line: string, stage: number, program: number) => void;
  readonly #tries: Array<{ readonly stage: number; readonly isRestart: boolean; readonly text: BoundedText }> = [];
  /** What may be the beginning of a mark. */
  #rest: Buffer = Buffer.alloc(0);
  #unfinishedLine: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** @param line called with each line, without its end, of the n-th program, from 1 */
  constructor(mark: string, line: (line: string, stage: number, program: number) => void) {
    this.#mark = Buffer.from(mark);
    this.#line = line;
  }

  /** Whether all of it has come in. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get tries(): Try[] {
    return this.#tries.map(({ stage, isRestart, text }) => {
      return { stage, isRestart, output: text.text, omitted: text.omitted };
    });
  }

  append(bytes: Buffer): void {
    let text = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const at = text.indexOf(this.#mark);
      const border = text[at + this.#mark.length];
      if (at < 0 || border === undefined) break;
      this.#keep(text.subarray(0, at));
      this.#border(String.fromCharCode(border));
      text = text.subarray(at + this.#mark.length + 1);
    }
    const sure = text.length - this.#lengthOfUnfinishedMark(text);
    this.#keep(text.subarray(0, sure));
    this.#rest = Buffer.from(text.subarray(sure));
  }

  /** Nothing more comes, whatever is missing. */
  end(): void {
    this.#keep(this.#rest);
    this.#rest = Buffer.alloc(0);
    this.#endLine();
    this.#isOver = true;
  }

  #border(border: string): void {
    this.#endLine();
    if (border === borders.over) {
      this.#isOver = true;
      return;
    }
    const last = this.#tries.at(-1)?.stage ?? 0;
    const isRestart = border === borders.again;
    this.#tries.push({ stage: isRestart ? last : last + 1, isRestart, text: new BoundedText() });
  }

  #lengthOfUnfinishedMark(text: Buffer): number {
    for (let length = Math.min(this.#mark.length, text.length); length > 0; length--)
      if (text.subarray(-length).equals(this.#mark.subarray(0, length))) return length;
    return 0;
  }

  /** Before the first mark there is no program, and none after the last. */
  #keep(bytes: Buffer): void {
    const last = this.#tries.at(-1);
    if (bytes.length === 0 || last === undefined || this.#isOver) return;
    last.text.append(bytes);
    let line = Buffer.concat([this.#unfinishedLine, bytes]);
    for (let end = line.indexOf(10); end >= 0; end = line.indexOf(10)) {
      this.#line(line.toString('utf8', 0, end), last.stage, this.#tries.length);
      line = line.subarray(end + 1);
    }
    this.#unfinishedLine = Buffer.from(line);
    if (line.length > LONGEST_LINE) this.#endLine();
  }

  #endLine(): void {
    const last = this.#tries.at(-1);
    if (last !== undefined && this.#unfinishedLine.length > 0)
      this.#line(this.#unfinishedLine.toString('utf8'), last.stage, this.#tries.length);
    this.#unfinishedLine = Buffer.alloc(0);
  }
}
