import { bytesOf } from '../bytes.js';
import type { Clock } from '../clock.js';
import { type Board, BYTE_TIME, type Outputs, type Wires } from '../wires.js';

/** From one frame of the other talker to its next, in microseconds. */
export const FRAME_INTERVAL = 10_000;
/** How long the peer thinks before it answers. */
export const ANSWER_DELAY = 500;
/** How long a talker that found the bus in use waits before it looks again. */
const BACKOFF = 500;

/**
 * An RS-485 bus behind a transceiver. RTS enables the driver, and takes the receiver from the bus as long. Two more are
 * on the bus: a talker that sends a frame every 10 ms, and a peer that answers what it can read.
 *
 * Both look whether somebody sends before they do. A driver that is enabled and sends nothing looks like a free bus to
 * them, and spoils what they send: what a port does that asserts RTS when it is opened.
 */
export class Rs485Bus implements Board {
  readonly name = 'rs485-bus';
  readonly #clock: Clock;
  readonly #wires: Wires;
  /** Since when the driver has been enabled; undefined while it is not. */
  #drivingSince: number | undefined;
  /** The port sends, heard or not. */
  #isSending = false;
  /** Somebody else sends. */
  #isTalking = false;
  /** What somebody else sends cannot be read any more. */
  #isSpoiled = false;
  /** The other talker has a frame that it could not send yet. */
  #isWaiting = false;
  #lastTalkEnd = Number.NEGATIVE_INFINITY;
  /** Frames that were spoiled since the driver was enabled. */
  #spoiledNow = 0;
  #frames = 0;
  #spoiled = 0;
  #answers = 0;
  #unheard = 0;

  constructor(clock: Clock, wires: Wires) {
    this.#clock = clock;
    this.#wires = wires;
    wires.signal('DE', 0);
    clock.after(FRAME_INTERVAL, () => this.#nextFrame());
  }

  /**
   * `frames` of the other two, `corrupted` those that our driver spoiled, `answered` what the peer could read of us, and
   * `unheard` what it could not.
   */
  counts(): Readonly<Record<string, number>> {
    return { frames: this.#frames, corrupted: this.#spoiled, answered: this.#answers, unheard: this.#unheard };
  }

  linesChanged({ rts }: Outputs): void {
    if (rts === (this.#drivingSince !== undefined)) return;
    this.#wires.signal('DE', rts ? 1 : 0);
    this.#drivingSince = rts ? this.#clock.now() : undefined;
    if (rts && this.#isTalking) this.#spoil();
    if (rts) return;
    if (this.#spoiledNow > 1) this.#wires.note(`RS-485: ${this.#spoiledNow} frames corrupted until the driver was off`);
    this.#spoiledNow = 0;
  }

  sendingBegins(): void {
    this.#isSending = true;
  }

  received(bytes: Uint8Array, began: number): void {
    this.#isSending = false;
    const since = this.#drivingSince;
    if (since === undefined || since > began) {
      this.#unheard += 1;
      this.#wires.note(`RS-485: ${bytes.length} bytes did not reach the bus: the driver was not enabled all the time`);
    } else if (this.#isTalking || this.#lastTalkEnd > began) {
      this.#unheard += 1;
      this.#wires.note(`RS-485: ${bytes.length} bytes were not understood: somebody else sent at the same time`);
    } else {
      this.#answers += 1;
      this.#clock.after(ANSWER_DELAY, () => this.#talk(`peer: got ${bytes.length} bytes\r\n`));
    }
  }

  /** A frame that still waits for the bus is not followed by another one: they would grow more and more. */
  #nextFrame(): void {
    this.#clock.after(FRAME_INTERVAL, () => this.#nextFrame());
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#talk('tick\r\n', () => {
      this.#isWaiting = false;
    });
  }

  /** @param begun called when it has the bus */
  #talk(text: string, begun = () => {}): void {
    if (this.#isTalking || (this.#isSending && this.#drivingSince !== undefined)) {
      this.#clock.after(BACKOFF, () => this.#talk(text, begun));
      return;
    }
    begun();
    const began = this.#clock.now();
    const bytes = bytesOf(text);
    this.#frames += 1;
    this.#isTalking = true;
    this.#isSpoiled = false;
    if (this.#drivingSince !== undefined) this.#spoil();
    this.#clock.after(bytes.length * BYTE_TIME, () => {
      this.#isTalking = false;
      this.#lastTalkEnd = this.#clock.now();
      if (!this.#isSpoiled) this.#wires.reflect(bytes, began);
    });
  }

  /** The first of a row is noted, and their number at the end: a port that stays open would fill the record. */
  #spoil(): void {
    if (this.#isSpoiled) return;
    this.#isSpoiled = true;
    this.#spoiled += 1;
    this.#spoiledNow += 1;
    if (this.#spoiledNow === 1)
      this.#wires.note('RS-485: a frame is corrupted: our driver was enabled while it was sent');
  }
}
