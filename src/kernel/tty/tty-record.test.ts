import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeTermios, encodeTermios, TERMIOS2_SIZE } from '../../uapi/tty.js';
import { KernelError } from '../error.js';
import { refused } from '../testing/expect.js';
import { initialTermios } from './termios.js';
import type { TtyState } from './tty.js';
import { RECORD_SIZE, readEntry, readRecord, writeRecord } from './tty-record.js';

const OUTPUTS = 0xe006;
const INPUTS = 0x1e0;
const u32 = fc.nat(0xffff_ffff);
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u16 = fc.nat(0xffff);

/** Settings that a program can have set: what TCSETS2 makes of any bytes. */
const anyTermios = fc
  .uint8Array({ minLength: TERMIOS2_SIZE, maxLength: TERMIOS2_SIZE })
  .map((bytes) => decodeTermios(encodeTermios(decodeTermios(bytes))));

const anyState: fc.Arbitrary<TtyState> = fc.record(
  {
    termios: anyTermios,
    outputs: u32.map((bits) => bits & OUTPUTS),
    inputs: u32.map((bits) => bits & INPUTS),
    exclusive: fc.boolean(),
    settings: fc.record(
      {
        ...{ flags: i32, customDivisor: i32, closeDelay: u16, closingWait: u16 },
        ...{ transmitFifoSize: i32, baudBase: i32 },
      },
      { noNullPrototype: true },
    ),
    rs485: fc.record({ flags: u32, delayBeforeSend: u32, delayAfterSend: u32 }, { noNullPrototype: true }),
    counters: fc.record(
      { cts: u32, dsr: u32, ring: u32, carrier: u32, received: u32, sent: u32 },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

const anyRecord = fc.record(
  {
    name: fc.stringMatching(/^tty[A-Za-z]{1,20}[0-9]{1,8}$/),
    entry: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    state: fc.option(anyState, { nil: undefined }),
  },
  { noNullPrototype: true },
);

test('what is written is what is read, for every name and state', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const bytes = new Uint8Array(RECORD_SIZE).fill(0xdb);
      writeRecord(bytes, record);
      deepEqual(readRecord(bytes), record);
      equal(readEntry(bytes), record.entry);
    }),
  );
});

test('any other bytes are EINVAL, no record, or a record that can be written again', () => {
  fc.assert(
    fc.property(anyRecord, fc.nat(RECORD_SIZE - 1), fc.nat(255), (record, at, value) => {
      const bytes = new Uint8Array(RECORD_SIZE);
      writeRecord(bytes, record);
      bytes[at] = value;
      try {
        const found = readRecord(bytes);
        if (found !== undefined) writeRecord(new Uint8Array(RECORD_SIZE), found);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        equal(error.code, 'EINVAL');
      }
    }),
  );
});

const state: TtyState = {
  termios: initialTermios,
  outputs: 6,
  inputs: 0x40,
  exclusive: true,
  settings: {
    ...{ flags: 1, customDivisor: 2, closeDelay: 3, closingWait: 4 },
    ...{ transmitFifoSize: 5, baudBase: 7 },
  },
  rs485: { flags: 1, delayBeforeSend: 8, delayAfterSend: 9 },
  counters: { cts: 10, dsr: 11, ring: 12, carrier: 13, received: 14, sent: 15 },
};

function written(): Buffer {
  const bytes = Buffer.alloc(RECORD_SIZE);
  writeRecord(bytes, { name: 'ttyS0', entry: 0x55n, state });
  return bytes;
}

test('the layout is the one that is written down: tty-v1', () => {
  equal(
    written().toString('hex').replace(/0+$/, ''),
    [
      '0100000001000000' + '5500000000000000',
      '7474795330'.padEnd(64, '0'),
      Buffer.from(encodeTermios(initialTermios)).toString('hex'),
      ...['06', '40', '01', '01', '02', '03', '04', '05', '07', '01', '08', '09', '0a', '0b', '0c', '0d', '0e'].map(
        (byte) => `${byte}000000`,
      ),
      '0f',
    ].join(''),
  );
});

test('memory that nobody has written is no record', () => {
  equal(readRecord(new Uint8Array(RECORD_SIZE)), undefined);
});

const damages: readonly (readonly [string, number, RegExp])[] = [
  ['the mark of use', 0, /the mark of use is 4294967295/],
  ['the mark of a driver', 4, /the mark of a driver is 4294967295/],
  ['the name', 16, /is no name of one/],
  ['the outputs', 92, /ttyS0 has outputs 0xffffffff/],
  ['the inputs', 96, /ttyS0 has inputs 0xffffffff/],
  ['exclusive use', 100, /exclusive use is 4294967295/],
];
for (const [what, offset, problem] of damages) {
  test(`a record that cannot be in ${what} is EINVAL, and says what is wrong`, () => {
    const bytes = written();
    bytes.writeUInt32LE(0xffff_ffff, offset);
    match(refused('EINVAL', () => readRecord(bytes)).message, problem);
  });
}

test('a name that does not fit is ENAMETOOLONG, and nothing is written', () => {
  const bytes = written();
  const before = Buffer.from(bytes);
  refused('ENAMETOOLONG', () => writeRecord(bytes, { name: `ttyS${'0'.repeat(28)}`, entry: 1n, state: undefined }));
  deepEqual(bytes, before);
});
