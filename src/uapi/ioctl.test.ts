import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { io, ioc, iocNr, iocType, ior, iow, iowr } from './ioctl.js';

test('io() makes the command of a type and a number', () => {
  equal(io(0xba, 0x41), 0xba41);
});

test('ior(), iow() and iowr() put direction and size above the type', () => {
  equal(ior(0x21, 2, 8), 0x80082102);
  equal(iow(0x21, 2, 8), 0x40082102);
  equal(iowr(0x21, 0, 80), 0xc0502100);
});

test('iocNr() and iocType() find what ioc() put in', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3 }),
      byte,
      byte,
      fc.integer({ min: 0, max: 0x3fff }),
      (way, type, nr, size) => {
        const command = ioc(way, type, nr, size);
        equal(iocNr(command), nr);
        equal(iocType(command), type);
        equal(command, command >>> 0);
      },
    ),
  );
});
