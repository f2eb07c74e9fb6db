/** `linux/serial.h`: what programs learn of serial ports and set on them. The same on x86-64 and arm64. */

/** Bytes of `struct serial_struct` with pointers of 64 bits. */
export const SERIAL_STRUCT_SIZE = 72;

/** The members of `struct serial_struct` that a port answers with. Offsets are those of 64-bit programs. */
export interface SerialStruct {
  /** A `PORT_*` number. */
  readonly type: number;
  readonly line: number;
  readonly port: number;
  readonly irq: number;
  /** `ASYNC_*` bits. */
  readonly flags: number;
  readonly transmitFifoSize: number;
  readonly customDivisor: number;
  readonly baudBase: number;
  /** In hundredths of a second. */
  readonly closeDelay: number;
  /** In hundredths of a second; 65535 for none. */
  readonly closingWait: number;
}

export const PORT_UNKNOWN = 0;
export const PORT_16550A = 4;

export function encodeSerialStruct(serial: SerialStruct): Uint8Array {
  const bytes = new Uint8Array(SERIAL_STRUCT_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, serial.type, true);
  view.setInt32(4, serial.line, true);
  view.setUint32(8, serial.port, true);
  view.setInt32(12, serial.irq, true);
  view.setInt32(16, serial.flags, true);
  view.setInt32(20, serial.transmitFifoSize, true);
  view.setInt32(24, serial.customDivisor, true);
  view.setInt32(28, serial.baudBase, true);
  view.setUint16(32, serial.closeDelay, true);
  view.setUint16(40, serial.closingWait, true);
  return bytes;
}

/** @param bytes at least SERIAL_STRUCT_SIZE of them */
export function decodeSerialStruct(bytes: Uint8Array): SerialStruct {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    type: view.getInt32(0, true),
    line: view.getInt32(4, true),
    port: view.getUint32(8, true),
    irq: view.getInt32(12, true),
    flags: view.getInt32(16, true),
    transmitFifoSize: view.getInt32(20, true),
    customDivisor: view.getInt32(24, true),
    baudBase: view.getInt32(28, true),
    closeDelay: view.getUint16(32, true),
    closingWait: view.getUint16(40, true),
  };
}

/** Bytes of `struct serial_rs485`. */
export const SERIAL_RS485_SIZE = 32;

export const SER_RS485_ENABLED = 1 << 0;
/** RTS is asserted while the port sends. */
export const SER_RS485_RTS_ON_SEND = 1 << 1;
/** RTS is asserted while it does not send. */
export const SER_RS485_RTS_AFTER_SEND = 1 << 2;
export const SER_RS485_RX_DURING_TX = 1 << 4;

export interface SerialRs485 {
  /** `SER_RS485_*` bits. */
  readonly flags: number;
  /** Milliseconds from RTS to the first bit, and from the last bit to RTS. */
  readonly delayBeforeSend: number;
  readonly delayAfterSend: number;
}

export function encodeSerialRs485(rs485: SerialRs485): Uint8Array {
  const bytes = new Uint8Array(SERIAL_RS485_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, rs485.flags, true);
  view.setUint32(4, rs485.delayBeforeSend, true);
  view.setUint32(8, rs485.delayAfterSend, true);
  return bytes;
}

/** @param bytes at least SERIAL_RS485_SIZE of them */
export function decodeSerialRs485(bytes: Uint8Array): SerialRs485 {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    flags: view.getUint32(0, true),
    delayBeforeSend: view.getUint32(4, true),
    delayAfterSend: view.getUint32(8, true),
  };
}

/** Bytes of `struct serial_icounter_struct`. */
export const SERIAL_ICOUNTER_SIZE = 80;

/** How often each modem input has changed, and what has passed. */
export interface SerialCounters {
  readonly cts: number;
  readonly dsr: number;
  readonly ring: number;
  readonly carrier: number;
  readonly received: number;
  readonly sent: number;
}

export function encodeSerialCounters(counters: SerialCounters): Uint8Array {
  const bytes = new Uint8Array(SERIAL_ICOUNTER_SIZE);
  const { cts, dsr, ring, carrier, received, sent } = counters;
  new Int32Array(bytes.buffer).set([cts, dsr, ring, carrier, received, sent]);
  return bytes;
}
