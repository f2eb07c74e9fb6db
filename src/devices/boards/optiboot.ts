/**
 * The bootloader of an Arduino, as a programmer sees it: version 1 of the STK500 protocol (AVR061), as much of it as one
 * needs to find the chip. Flash is not written.
 */

export const STK_OK = 0x10;
export const STK_INSYNC = 0x14;
/** Ends every command. */
export const CRC_EOP = 0x20;
export const STK_GET_SYNC = 0x30;
export const STK_LEAVE_PROGMODE = 0x51;
export const STK_READ_SIGN = 0x75;

const STK_GET_PARAMETER = 0x41;
const STK_SET_DEVICE = 0x42;
const STK_SET_DEVICE_EXT = 0x45;
const STK_LOAD_ADDRESS = 0x55;
const STK_UNIVERSAL = 0x56;

/** Bytes between the command and its end. All others have none. */
const lengths: ReadonlyMap<number, number> = new Map([
  [STK_GET_PARAMETER, 1],
  [STK_SET_DEVICE, 20],
  [STK_SET_DEVICE_EXT, 5],
  [STK_LOAD_ADDRESS, 2],
  [STK_UNIVERSAL, 4],
]);

/** An ATmega328P. */
const signature: readonly number[] = [0x1e, 0x95, 0x0f];
/** Software versions, by their parameter. */
const MAJOR_VERSION = 0x81;
const MINOR_VERSION = 0x82;

export class Optiboot {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #leave: () => void;
  #command: number[] = [];

  /** @param leave starts the program in place of the bootloader */
  constructor(send: (bytes: Uint8Array) => void, leave: () => void) {
    this.#send = send;
    this.#leave = leave;
  }

  received(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#command.push(byte);
      const [command = 0, ...rest] = this.#command;
      if (rest.length <= (lengths.get(command) ?? 0)) continue;
      this.#command = [];
      // Without its end, it is no command: somebody talks who is no programmer.
      if (byte === CRC_EOP) this.#answer(command, rest);
      if (byte === CRC_EOP && command !== STK_LEAVE_PROGMODE) continue;
      this.#leave();
      return;
    }
  }

  #answer(command: number, parameters: readonly number[]): void {
    this.#send(Uint8Array.from([STK_INSYNC, ...answerTo(command, parameters), STK_OK]));
  }
}

function answerTo(command: number, parameters: readonly number[]): readonly number[] {
  if (command === STK_READ_SIGN) return signature;
  if (command === STK_UNIVERSAL) return [0];
  if (command !== STK_GET_PARAMETER) return [];
  const [parameter] = parameters;
  if (parameter === MAJOR_VERSION) return [8];
  return [parameter === MINOR_VERSION ? 0 : 3];
}
