/** Frames on a serial line (SLIP, RFC 1055). */

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** A frame that is longer is no frame of anybody's; it is let go. */
const LONGEST_FRAME = 65_536;

export function slipFrame(payload: Uint8Array): Uint8Array {
  const bytes = Array.from(payload).flatMap((byte) => {
    if (byte === END) return [ESC, ESC_END];
    return byte === ESC ? [ESC, ESC_ESC] : [byte];
  });
  return Uint8Array.from([END, ...bytes, END]);
}

/** Takes frames out of what comes. What stands before the first END is no frame. */
export class SlipReader {
  /** Undefined between frames. */
  #frame: number[] | undefined;
  #isEscaped = false;

  push(bytes: Uint8Array): Uint8Array[] {
    return Array.from(bytes).flatMap((byte) => this.#take(byte) ?? []);
  }

  #take(byte: number): Uint8Array | undefined {
    if (byte === END) return this.#end();
    if (this.#frame === undefined) return undefined;
    if (this.#frame.length >= LONGEST_FRAME) this.#frame = undefined;
    else if (byte === ESC && !this.#isEscaped) this.#isEscaped = true;
    else {
      this.#frame.push(this.#isEscaped ? unescaped(byte) : byte);
      this.#isEscaped = false;
    }
    return undefined;
  }

  /** An END may end a frame and begin the next; an empty frame is none. */
  #end(): Uint8Array | undefined {
    const frame = this.#frame ?? [];
    this.#isEscaped = false;
    this.#frame = [];
    return frame.length === 0 ? undefined : Uint8Array.from(frame);
  }
}

function unescaped(byte: number): number {
  if (byte === ESC_END) return END;
  return byte === ESC_ESC ? ESC : byte;
}
