import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  B9600,
  BOTHER,
  CBAUD,
  CREAD,
  CS8,
  decodeTermio,
  decodeTermios,
  encodeTermio,
  encodeTermios,
  IBSHIFT,
  NCCS,
  speedCode,
  speedOf,
  TERMIO_SIZE,
  TERMIOS_SIZE,
  TERMIOS2_SIZE,
  type Termios,
  ttyCommands,
} from './tty.js';

const cooked: Termios = {
  inputFlags: 0x500,
  outputFlags: 5,
  controlFlags: B9600 | CS8 | CREAD,
  localFlags: 0x8a3b,
  lineDiscipline: 0,
  controlCharacters: Array.from({ length: NCCS }, (_, index) => index),
  inputSpeed: 9600,
  outputSpeed: 9600,
};

test('commands with a size in them have the numbers of asm-generic/ioctls.h', () => {
  const { TCGETS2, TCSETS2, TCSETSW2, TCSETSF2, TIOCGEXCL } = ttyCommands;
  deepEqual(
    [TCGETS2, TCSETS2, TCSETSW2, TCSETSF2, TIOCGEXCL],
    [0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d, 0x80045440],
  );
});

test('struct termios2 is 44 bytes: flags, line, characters, speeds', () => {
  equal(
    Buffer.from(encodeTermios(cooked)).toString('hex'),
    '00050000' +
      '05000000' +
      'bd000000' +
      '3b8a0000' +
      '00' +
      '000102030405060708090a0b0c0d0e0f101112' +
      '80250000'.repeat(2),
  );
});

test('what any bytes mean is the same when it was written again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: TERMIOS2_SIZE, maxLength: TERMIOS2_SIZE }), (bytes) => {
      const termios = decodeTermios(bytes);
      deepEqual(decodeTermios(encodeTermios(termios)), termios);
    }),
  );
});

test('a speed with a code is that of the code, whatever stands in the speeds', () => {
  const bytes = encodeTermios({ ...cooked, outputSpeed: 31250, inputSpeed: 31250 });
  const { outputSpeed, inputSpeed } = decodeTermios(bytes);
  deepEqual([outputSpeed, inputSpeed], [9600, 9600]);
});

test('any speed stands in the structure, and another one for input may stand beside it', () => {
  const flags = cooked.controlFlags & ~CBAUD;
  const any = { ...cooked, controlFlags: flags | BOTHER, outputSpeed: 31250, inputSpeed: 31250 };
  deepEqual(decodeTermios(encodeTermios(any)), any);
  const split = { ...any, controlFlags: (flags | BOTHER | (B9600 << IBSHIFT)) >>> 0, inputSpeed: 9600 };
  deepEqual(decodeTermios(encodeTermios(split)), split);
});

test('every speed that has a code has it back', () => {
  for (let code = 0; code < 32; code += 1) {
    const flags = (code & 0xf) | (code > 15 ? BOTHER : 0);
    const speed = speedOf(flags);
    if (speed !== undefined) equal(speedCode(speed), flags);
  }
  equal(speedOf(BOTHER), undefined);
  equal(speedCode(31250), BOTHER);
  deepEqual([speedOf(0), speedOf(0o15), speedOf(0o10002), speedOf(0o10017)], [0, 9600, 115200, 4_000_000]);
});

test('struct termio says the lower half of the flags and eight characters, and changes no more', () => {
  const now = { ...cooked, controlFlags: (cooked.controlFlags | 0x8000_0000) >>> 0 };
  const bytes = encodeTermio(now);
  equal(bytes.length, TERMIO_SIZE);
  deepEqual(decodeTermio(bytes, now), now);
  const changed = decodeTermio(encodeTermio({ ...now, localFlags: 0, controlCharacters: Array(NCCS).fill(9) }), now);
  equal(changed.localFlags, 0);
  deepEqual(changed.controlCharacters, [...Array<number>(8).fill(9), ...now.controlCharacters.slice(8)]);
  equal(changed.controlFlags, now.controlFlags);
});

test('struct termios is the beginning of struct termios2', () => {
  const { outputSpeed, ...rest } = decodeTermios(encodeTermios(cooked).subarray(0, TERMIOS_SIZE));
  deepEqual({ ...rest, outputSpeed }, cooked);
});
