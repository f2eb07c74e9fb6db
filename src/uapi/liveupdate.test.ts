import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as uapi from './liveupdate.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test('the commands have the numbers of linux/liveupdate.h', () => {
  equal(uapi.LIVEUPDATE_IOCTL_CREATE_SESSION, 0xba00);
  equal(uapi.LIVEUPDATE_IOCTL_RETRIEVE_SESSION, 0xba01);
  equal(uapi.LIVEUPDATE_SESSION_PRESERVE_FD, 0xba40);
  equal(uapi.LIVEUPDATE_SESSION_RETRIEVE_FD, 0xba41);
  equal(uapi.LIVEUPDATE_SESSION_FINISH, 0xba42);
  equal(uapi.LIVEUPDATE_SESSION_GET_NAME, 0xba43);
});

test('the arguments of a file are laid out as the kernel has them', () => {
  deepEqual(
    [...uapi.encodeFileArguments({ size: 16, fd: -7, token: 0x1122334455667788n })],
    [16, 0, 0, 0, 0xf9, 0xff, 0xff, 0xff, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
  );
});

test('the arguments of a session come back as they went, with names of 56 and of 64 bytes', () => {
  fc.assert(
    fc.property(u32, s32, fc.oneof(bytes(56), bytes(64)), (size, fd, name) => {
      const encoded = uapi.encodeSessionArguments({ size, fd, name });
      equal(encoded.length, name.length + 8);
      deepEqual(uapi.decodeSessionArguments(encoded), { size, fd, name });
    }),
  );
});

test('the arguments of a file come back as they went', () => {
  fc.assert(
    fc.property(u32, s32, u64, (size, fd, token) => {
      deepEqual(uapi.decodeFileArguments(uapi.encodeFileArguments({ size, fd, token })), { size, fd, token });
    }),
  );
});

test('the arguments of FINISH come back as they went', () => {
  fc.assert(
    fc.property(u32, u32, (size, reserved) => {
      deepEqual(uapi.decodeFinishArguments(uapi.encodeFinishArguments({ size, reserved })), { size, reserved });
    }),
  );
});

test('the arguments of GET_NAME come back as they went', () => {
  fc.assert(
    fc.property(u32, u32, bytes(64), (size, reserved, name) => {
      const given = { size, reserved, name };
      deepEqual(uapi.decodeGetNameArguments(uapi.encodeGetNameArguments(given)), given);
    }),
  );
});

test('a structure can be decoded where it is not at the start of its buffer', () => {
  const larger = new Uint8Array(40);
  larger.set(uapi.encodeFileArguments({ size: 16, fd: 3, token: 5n }), 13);
  deepEqual(uapi.decodeFileArguments(larger.subarray(13, 29)), { size: 16, fd: 3, token: 5n });
});
