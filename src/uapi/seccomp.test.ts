import { deepEqual, equal } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import * as seccomp from './seccomp.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const plain = { noNullPrototype: true };
const s64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

test('the commands of a listener have the numbers that Linux has', () => {
  equal(seccomp.SECCOMP_IOCTL_NOTIF_RECV, 0xc0502100);
  equal(seccomp.SECCOMP_IOCTL_NOTIF_SEND, 0xc0182101);
  equal(seccomp.SECCOMP_IOCTL_NOTIF_ID_VALID, 0x40082102);
  equal(seccomp.SECCOMP_IOCTL_NOTIF_ADDFD, 0x40182103);
  equal(seccomp.SECCOMP_IOCTL_NOTIF_SET_FLAGS, 0x40082104);
});

test('a notification comes back as it went, in 80 bytes', () => {
  const notif = fc.record(
    {
      id: u64,
      pid: u32,
      flags: u32,
      nr: s32,
      arch: u32,
      instructionPointer: u64,
      args: fc.array(u64, { minLength: 6, maxLength: 6 }),
    },
    plain,
  );
  fc.assert(
    fc.property(notif, (given) => {
      const bytes = seccomp.encodeSeccompNotif(given);
      equal(bytes.length, 80);
      deepEqual(seccomp.decodeSeccompNotif(bytes), given);
    }),
  );
});

test('a response comes back as it went, in 24 bytes', () => {
  fc.assert(
    fc.property(fc.record({ id: u64, value: s64, error: s32, flags: u32 }, plain), (given) => {
      const bytes = seccomp.encodeSeccompNotifResp(given);
      equal(bytes.length, 24);
      deepEqual(seccomp.decodeSeccompNotifResp(bytes), given);
    }),
  );
});

test('a descriptor to add comes back as it went, in 24 bytes', () => {
  const addfd = fc.record({ id: u64, flags: u32, sourceFd: u32, newFd: u32, newFdFlags: u32 }, plain);
  fc.assert(
    fc.property(addfd, (given) => {
      const bytes = seccomp.encodeSeccompNotifAddfd(given);
      equal(bytes.length, 24);
      deepEqual(seccomp.decodeSeccompNotifAddfd(bytes), given);
    }),
  );
});

test('the constants are those of the header of this system', (t) => {
  const header = '/usr/include/linux/seccomp.h';
  if (!existsSync(header)) return t.skip(`${header} is not there`);
  const ours = new Map<string, unknown>(Object.entries(seccomp));
  const defined = readFileSync(header, 'utf8').matchAll(/^#define\s+(SECCOMP_\w+)\s+\(?(0x[0-9a-f]+|\d+)/gm);
  for (const [, name = '', value] of defined) {
    // Flags are written as a shift there.
    if (ours.has(name) && !name.includes('FLAG')) equal(ours.get(name), Number(value), name);
  }
});
