import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import {
  BOTHER,
  CBAUD,
  CRTSCTS,
  CSIZE,
  CSTOPB,
  decodeTermios,
  encodeTermios,
  HUPCL,
  PARENB,
  type Termios,
} from '../uapi/tty.js';
import { completeOptions, type LuoOpenOptions, termiosFor } from './settings.js';

const fresh: Termios = {
  inputFlags: 0o2400,
  outputFlags: 0o5,
  controlFlags: 0o2275,
  localFlags: 0o105073,
  lineDiscipline: 0,
  controlCharacters: Array.from({ length: 19 }, (_, index) => index),
  inputSpeed: 9600,
  outputSpeed: 9600,
};

const port: LuoOpenOptions = { path: '/dev/ttyS0', baudRate: 115200 };
const settings = (options: Partial<LuoOpenOptions> = {}) => termiosFor(completeOptions({ ...port, ...options }), fresh);

test('bytes pass as they are, and no close drops a line, unless told otherwise', () => {
  const raw = settings();
  deepEqual([raw.inputFlags, raw.outputFlags, raw.localFlags], [0o4, 0, 0]);
  equal(raw.controlFlags & (HUPCL | CRTSCTS | PARENB | CSTOPB), 0);
  equal(raw.controlFlags & CSIZE, 0o60);
  deepEqual([raw.controlCharacters[6], raw.controlCharacters[5]], [1, 0]);
  equal(settings({ hupcl: true }).controlFlags & HUPCL, HUPCL);
});

test('every number of bits, parity and stop bits has its flags', () => {
  deepEqual(
    [5, 6, 7, 8].map((dataBits) => settings({ dataBits: dataBits as 5 }).controlFlags & CSIZE),
    [0, 0o20, 0o40, 0o60],
  );
  const parity = (name: string) => (settings({ parity: name }).controlFlags >>> 0) & 0o10000001400;
  deepEqual(['none', 'even', 'odd', 'mark', 'space'].map(parity), [0, 0o400, 0o1400, 0o10000001400, 0o10000000400]);
  equal(settings({ stopBits: 2 }).controlFlags & CSTOPB, CSTOPB);
  equal(settings({ stopBits: 1.5, dataBits: 5 }).controlFlags & CSTOPB, CSTOPB);
});

test('flow control is what was asked for', () => {
  equal((settings({ rtscts: true }).controlFlags & CRTSCTS) >>> 0, CRTSCTS);
  equal(settings({ xon: true, xoff: true, xany: true }).inputFlags, 0o16004);
});

test('any speed survives the way through the kernel structure, with or without a code of its own', () => {
  for (const baudRate of [1, 110, 9600, 74880, 115200, 250000, 4000000, 12000000]) {
    const { inputSpeed, outputSpeed, controlFlags } = decodeTermios(encodeTermios(settings({ baudRate })));
    deepEqual([inputSpeed, outputSpeed], [baudRate, baudRate]);
    if (baudRate === 74880) equal(controlFlags & CBAUD, BOTHER);
  }
});

test('what no port can do is refused in a sentence', () => {
  const wrong: [Partial<LuoOpenOptions>, RegExp][] = [
    [{ baudRate: 0 }, /^Cannot open \/dev\/ttyS0: baudRate 0 is no whole number from 1$/],
    [{ baudRate: 1.5 }, /baudRate 1.5/],
    // What programs without types may say.
    [{ dataBits: 9 as 8 }, /dataBits is 9/],
    [{ stopBits: 3 as 2 }, /stopBits is 3/],
    [{ stopBits: 1.5 }, /stopBits 1.5 goes with dataBits 5 alone/],
    [{ parity: 'some' }, /parity is "some", and not one of none, even, odd, mark, space/],
    [{ vmin: 256 }, /vmin and vtime/],
    [{ vmin: 0 }, /vmin 0 .* use 1/],
    [{ reset: 'maybe' as 'allow' }, /reset is "maybe"/],
  ];
  for (const [options, message] of wrong) throws(() => settings(options), { name: 'RangeError', message });
  throws(() => completeOptions({ path: '', baudRate: 1 }), /^TypeError: Cannot open a port: "path" is needed$/);
  throws(() => completeOptions(undefined as unknown as LuoOpenOptions), /"options" is no object/);
});

test('what is undefined counts as not told', () => {
  // As programs without exact types do.
  const loose = { ...port, parity: undefined, reset: undefined } as unknown as LuoOpenOptions;
  equal(completeOptions(loose).parity, 'none');
  equal(completeOptions(loose).reset, 'refuse');
});
