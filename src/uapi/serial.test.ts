import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeSerialRs485,
  decodeSerialStruct,
  encodeSerialCounters,
  encodeSerialRs485,
  encodeSerialStruct,
  SERIAL_ICOUNTER_SIZE,
  SERIAL_RS485_SIZE,
  SERIAL_STRUCT_SIZE,
} from './serial.js';

const serial = {
  ...{ type: 4, line: 1, port: 0x2f8, irq: 3, flags: 0x11000040, transmitFifoSize: 16 },
  ...{ customDivisor: 2, baudBase: 115200, closeDelay: 50, closingWait: 65535 },
};

test('struct serial_struct is 72 bytes, with the members where 64-bit programs have them', () => {
  const bytes = encodeSerialStruct(serial);
  equal(bytes.length, SERIAL_STRUCT_SIZE);
  const view = new DataView(bytes.buffer);
  deepEqual(
    [0, 4, 8, 12, 16, 20, 24, 28].map((offset) => view.getInt32(offset, true)),
    [4, 1, 0x2f8, 3, 0x11000040, 16, 2, 115200],
  );
  deepEqual([view.getUint16(32, true), view.getUint16(40, true)], [50, 65535]);
  deepEqual(decodeSerialStruct(bytes), serial);
});

test('struct serial_rs485 is 32 bytes: flags and two delays come first', () => {
  const rs485 = { flags: 3, delayBeforeSend: 5, delayAfterSend: 0xffff_ffff };
  const bytes = encodeSerialRs485(rs485);
  equal(bytes.length, SERIAL_RS485_SIZE);
  equal(Buffer.from(bytes.subarray(0, 16)).toString('hex'), '0300000005000000ffffffff00000000');
  deepEqual(decodeSerialRs485(bytes), rs485);
});

test('struct serial_icounter_struct is 80 bytes: the inputs, then what came and went', () => {
  const bytes = encodeSerialCounters({ cts: 1, dsr: 2, ring: 3, carrier: 4, received: 5, sent: 2 ** 32 + 6 });
  equal(bytes.length, SERIAL_ICOUNTER_SIZE);
  deepEqual([...new Int32Array(bytes.buffer)].slice(0, 7), [1, 2, 3, 4, 5, 6, 0]);
});
