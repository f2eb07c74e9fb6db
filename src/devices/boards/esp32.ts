import { bytesOf, LineReader } from '../bytes.js';
import type { Clock } from '../clock.js';
import type { Board, Outputs, Wires } from '../wires.js';
import { Esp32Rom } from './esp32-rom.js';

/**
 * How long EN takes to rise above the threshold of the chip, 3/4 of the supply, once nothing pulls it down: a resistor
 * of 10 kΩ and a capacitor of 1 µF, times ln 4. In microseconds.
 */
export const EN_RISE_TIME = 13_900;
/** From reset to the first line of the application. */
export const ESP32_BOOT_TIME = 300_000;
export const ESP32_HEARTBEAT = 1_000_000;

const BANNER = 'ets Jul 29 2019 12:21:46\r\n\r\n';
const FLASH_BOOT = 'rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n';
const DOWNLOAD_BOOT =
  'rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n';

/** What takes the bytes that come. */
interface Running {
  readonly mode: 'application' | 'download';
  received(bytes: Uint8Array): void;
}

/**
 * An ESP32 on a development board, with the usual circuit of two transistors between DTR, RTS, EN and GPIO0. One alone
 * of the two lines does something: RTS pulls EN low, and DTR pulls GPIO0 low. Both together do nothing.
 *
 * A transistor empties the capacitor at EN within microseconds, so EN falls at once here: no pulse is too short for a
 * reset, which is the case that a program must reckon with. EN rises slowly, and as it does, GPIO0 decides: low means
 * download. The board is running when the wires are made.
 */
export class Esp32 implements Board {
  readonly name = 'esp32';
  readonly #clock: Clock;
  readonly #wires: Wires;
  readonly #cancels = new Set<() => void>();
  #lines: Outputs = { dtr: false, rts: false };
  #hasPower = true;
  /** EN is high: the chip is not in reset. */
  #isEnabled = true;
  /** Something pulls EN down. Until a while after that, the chip is in reset. */
  #isHeld = false;
  #running: Running | undefined;
  #resets = 0;
  #downloads = 0;

  constructor(clock: Clock, wires: Wires) {
    this.#clock = clock;
    this.#wires = wires;
    wires.signal('EN', 1);
    wires.signal('GPIO0', 1);
    this.#runApplication();
  }

  /** What runs now; `reset` until something does. */
  get mode(): 'application' | 'download' | 'reset' {
    return this.#running?.mode ?? 'reset';
  }

  /** Resets by EN, `downloads` those of them that ended in the loader. A power-on is none. */
  counts(): Readonly<Record<string, number>> {
    return { resets: this.#resets, downloads: this.#downloads };
  }

  linesChanged(lines: Outputs): void {
    this.#lines = lines;
    if (this.#hasPower) this.#followLines();
  }

  received(bytes: Uint8Array): void {
    this.#running?.received(bytes);
  }

  powerChanged(on: boolean): void {
    this.#hasPower = on;
    this.#stop();
    this.#wires.note(on ? 'ESP32: power on' : 'ESP32: power off');
    if (on) {
      this.#isHeld = true;
      this.#followLines();
      return;
    }
    this.#wires.signal('EN', 0);
    this.#wires.signal('GPIO0', 0);
  }

  #followLines(): void {
    const { dtr, rts } = this.#lines;
    this.#wires.signal('GPIO0', dtr && !rts ? 0 : 1);
    const isHeld = rts && !dtr;
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (!isHeld) this.#later(EN_RISE_TIME, () => this.#leaveReset());
    else this.#enterReset();
  }

  #enterReset(): void {
    // EN may have begun to rise, and not have come far: then it is the same reset.
    const isNew = this.#isEnabled;
    this.#stop();
    this.#wires.signal('EN', 0);
    if (!isNew) return;
    this.#resets += 1;
    this.#wires.note(`ESP32: reset ${this.#resets}: RTS is asserted and DTR is not, EN is low`);
  }

  #leaveReset(): void {
    this.#isEnabled = true;
    this.#wires.signal('EN', 1);
    const { dtr, rts } = this.#lines;
    if (dtr && !rts) this.#runLoader();
    else this.#boot();
  }

  #boot(): void {
    this.#wires.note('ESP32: EN is high and GPIO0 is high: boots from flash');
    this.#print(BANNER + FLASH_BOOT);
    this.#later(ESP32_BOOT_TIME, () => {
      this.#print('app: ready\r\n');
      this.#runApplication();
    });
  }

  #runLoader(): void {
    this.#downloads += 1;
    this.#wires.note('ESP32: EN is high and GPIO0 is low: waits for a download');
    this.#print(BANNER + DOWNLOAD_BOOT);
    const rom = new Esp32Rom((bytes) => this.#wires.send(bytes));
    this.#running = { mode: 'download', received: (bytes) => rom.received(bytes) };
  }

  #runApplication(): void {
    const lines = new LineReader();
    this.#running = {
      mode: 'application',
      received: (bytes) => {
        for (const line of lines.push(bytes)) this.#print(`app: ${line}\r\n`);
      },
    };
    this.#beat(1);
  }

  #beat(count: number): void {
    this.#later(ESP32_HEARTBEAT, () => {
      this.#print(`app: alive for ${count} s\r\n`);
      this.#beat(count + 1);
    });
  }

  #print(text: string): void {
    this.#wires.send(bytesOf(text));
  }

  /** Unless the chip is reset before. */
  #later(microseconds: number, action: () => void): void {
    const cancel = this.#clock.after(microseconds, () => {
      this.#cancels.delete(cancel);
      action();
    });
    this.#cancels.add(cancel);
  }

  #stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#wires.silence();
    this.#isEnabled = false;
    this.#running = undefined;
  }
}
