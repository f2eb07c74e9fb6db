import { equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { SystemError } from '../host/libc.js';
import { errno } from '../uapi/errno.js';
import { attempt, LiveUpdateError } from './error.js';

const open = { operation: 'open', action: 'open /dev/liveupdate' } as const;

test('an error is a sentence that says what to do, and has what Node has in its errors', () => {
  const what = { operation: 'PRESERVE_FD', action: 'preserve it', session: 's', token: 3n } as const;
  const error = new LiveUpdateError(what, errno.EEXIST);
  equal(error.message, 'Cannot preserve it: EEXIST: the session has a file under this token: take another token');
  equal(error.name, 'LiveUpdateError');
  equal(error.code, 'EEXIST');
  equal(error.errno, 17);
  equal(error.syscall, 'ioctl');
  equal(error.operation, 'PRESERVE_FD');
  equal(error.session, 's');
  equal(error.token, 3n);
  ok(error instanceof Error);
});

test('a device that may not be opened, or has no driver, is an error that says whose it is', () => {
  for (const [number, sentence] of [
    [errno.EACCES, /EACCES: this user may not open it: run as root/],
    [errno.ENODEV, /ENODEV: .*liveupdate=on/],
    [errno.ENXIO, /ENXIO: .*luo run/],
    [errno.EIO, /EIO: the kernel cannot read what the last generation left/],
    [errno.ENFILE, /ENFILE: the system has no descriptor left/],
    [999, /E999: the kernel gives no other reason/],
  ] as const) {
    throws(() => attempt(open, () => fail(number)), { name: 'LiveUpdateError', errno: number, message: sentence });
  }
});

test('a call of fcntl is told by its name', () => {
  equal(new LiveUpdateError({ operation: 'F_ADD_SEALS', action: 'seal it' }, errno.EPERM).syscall, 'fcntl');
  equal(new LiveUpdateError({ operation: 'mmap', action: 'map it' }, errno.ENOMEM).syscall, 'mmap');
});

test('attempt() does again what a signal interrupts', () => {
  let interruptions = 2;
  const result = attempt(open, () => (interruptions-- > 0 ? fail(errno.EINTR) : 'done'));
  equal(result, 'done');
});

test('attempt() leaves other errors as they are', () => {
  throws(() => attempt(open, () => assertNever()), TypeError);
});

function fail(number: number): never {
  throw new SystemError('call', number);
}

function assertNever(): never {
  throw new TypeError('not of the kernel');
}
