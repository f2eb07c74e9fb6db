/**
 * The loader in the ROM of an ESP32, as far as one asks it who it is: the published serial protocol of the chip. Nothing
 * can be written to flash.
 */
import { SlipReader, slipFrame } from './slip.js';

export const ROM_SYNC = 0x08;
export const ROM_WRITE_REG = 0x09;
export const ROM_READ_REG = 0x0a;
export const ROM_SPI_SET_PARAMS = 0x0b;
export const ROM_SPI_ATTACH = 0x0d;
export const ROM_CHANGE_BAUDRATE = 0x0f;

const TO_CHIP = 0x00;
const FROM_CHIP = 0x01;
/** Direction, command, length of the data, checksum or value. */
const HEADER_SIZE = 8;
/** What SYNC answers with; 0 would mean that a stub runs in place of the ROM. */
const SYNC_VALUE = 0x5555_1207;
/** The ROM answers a SYNC so many times. */
const SYNC_ANSWERS = 8;
const INVALID_MESSAGE = 0x05;
/** Stands in an answer for a command that the ROM does not have: it does not repeat what it could not read. */
export const ROM_NO_COMMAND = 0xff;

const ok: readonly number[] = [0, 0, 0, 0];
const invalid: readonly number[] = [1, INVALID_MESSAGE, 0, 0];

/** The factory MAC address of the chip: a locally administered one, since nobody gave it another. */
export const ESP32_MAC = '02:65:73:70:33:32';

/** The register by which the flash is told to begin; its bits fall when it is done. */
const SPI_COMMAND = 0x3ff4_2000;

/** Registers that tell what the chip is. All others hold what was written to them, and 0 before. */
const registers: ReadonlyMap<number, number> = new Map([
  // The word of the ROM by which an ESP32 is told from its relatives.
  [0x4000_1000, 0x00f0_1d83],
  // The divisor of the UART: 115200 bits a second from a crystal of 40 MHz.
  [0x3ff4_0014, 347],
  // eFuse block 0: the MAC address, then the package (D0WD), two cores of 240 MHz, and revision 3 in three places.
  [0x3ff5_a004, 0x7370_3332],
  [0x3ff5_a008, 0x0000_0265],
  [0x3ff5_a00c, 0x0000_a200],
  [0x3ff5_a014, 0x0010_0000],
  [0x3ff6_607c, 0x8000_0000],
]);

export class Esp32Rom {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new SlipReader();
  readonly #written = new Map<number, number>();

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  /** What is no frame, or no request, gets no answer. */
  received(bytes: Uint8Array): void {
    for (const frame of this.#reader.push(bytes)) this.#handle(frame);
  }

  #handle(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if (frame.length < HEADER_SIZE || view.getUint8(0) !== TO_CHIP) return;
    const length = view.getUint16(2, true);
    if (frame.length - HEADER_SIZE !== length) return;
    this.#execute(view.getUint8(1), new DataView(frame.buffer, frame.byteOffset + HEADER_SIZE, length));
  }

  #execute(command: number, data: DataView): void {
    switch (command) {
      case ROM_SYNC:
        for (let answer = 0; answer < SYNC_ANSWERS; answer += 1) this.#answer(command, SYNC_VALUE, ok);
        return;
      case ROM_READ_REG:
        if (data.byteLength < 4) this.#answer(command, 0, invalid);
        else this.#answer(command, this.#register(data.getUint32(0, true)), ok);
        return;
      case ROM_WRITE_REG:
        this.#answer(command, 0, this.#writeRegisters(data) ? ok : invalid);
        return;
      case ROM_SPI_SET_PARAMS:
      case ROM_SPI_ATTACH:
      case ROM_CHANGE_BAUDRATE:
        this.#answer(command, 0, ok);
        return;
      default:
        this.#answer(ROM_NO_COMMAND, 0, invalid);
    }
  }

  #register(address: number): number {
    return this.#written.get(address) ?? registers.get(address) ?? 0;
  }

  /** Address, value, mask of the bits to change, and a time to wait, of 32 bits each; as often as there are any. */
  #writeRegisters(data: DataView): boolean {
    if (data.byteLength === 0 || data.byteLength % 16 !== 0) return false;
    for (let offset = 0; offset < data.byteLength; offset += 16) {
      const address = data.getUint32(offset, true);
      const mask = data.getUint32(offset + 8, true);
      const value = (this.#register(address) & ~mask) | (data.getUint32(offset + 4, true) & mask);
      // A flash that nobody has is done at once with every command.
      this.#written.set(address, address === SPI_COMMAND ? 0 : value >>> 0);
    }
    return true;
  }

  #answer(command: number, value: number, status: readonly number[]): void {
    const bytes = new Uint8Array(HEADER_SIZE + status.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, FROM_CHIP);
    view.setUint8(1, command);
    view.setUint16(2, status.length, true);
    view.setUint32(4, value, true);
    bytes.set(status, HEADER_SIZE);
    this.#send(slipFrame(bytes));
  }
}
