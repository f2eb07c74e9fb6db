import { equal, notEqual, throws } from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { F_SEAL_EXEC, F_SEAL_SEAL } from '../uapi/fcntl.js';
import { MFD_ALLOW_SEALING } from '../uapi/memfd.js';
import { close, getSeals } from './descriptors.js';
import { createMemfd } from './memfd.js';

test('a memfd has its name in UTF-8, is close-on-exec, and can be executed', () => {
  const fd = createMemfd('größe', 0);
  equal(readlinkSync(`/proc/self/fd/${fd}`), '/memfd:größe (deleted)');
  notEqual(
    Number.parseInt(/^flags:\t(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8) &
      0o2000000,
    0,
  );
  equal(getSeals(fd) & F_SEAL_EXEC, 0);
  equal(getSeals(fd), F_SEAL_SEAL);
  close(fd);
});

test('flags are passed on, and what the kernel refuses is thrown', () => {
  const fd = createMemfd('sealable', MFD_ALLOW_SEALING);
  equal(getSeals(fd), 0);
  close(fd);
  throws(() => createMemfd('x'.repeat(250), 0), { name: 'SystemError', errno: 22 });
});
