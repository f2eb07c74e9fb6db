/** Text and bytes of serial lines, where a byte is a character (ISO 8859-1). Nothing of a byte is lost. */

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

/** The longest line that is kept until its end comes; what goes beyond is lost, as in a buffer of a small computer. */
const LONGEST_LINE = 256;

/** Cuts what comes into lines, at CR or LF. */
export class LineReader {
  #begun = '';

  /** @returns the lines that ended, without their ends; empty ones are left out */
  push(bytes: Uint8Array): string[] {
    const [first = '', ...rest] = textOf(bytes).split(/[\r\n]/);
    const pieces = [this.#begun + first, ...rest].map((piece) => piece.slice(0, LONGEST_LINE));
    this.#begun = pieces.at(-1) ?? '';
    return pieces.slice(0, -1).filter((line) => line !== '');
  }

  clear(): void {
    this.#begun = '';
  }
}
